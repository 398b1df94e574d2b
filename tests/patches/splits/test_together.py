"""Which pictures belong together: by folder, pixels, source and ground; and which folders are no groups."""

import rasterio
from rasterio.transform import Affine

from terrazzo.patches.splits.together import Picture, Together, together
from terrazzo.pixels.rasters.ground import Placed
from tests.worlds.rasters import GRID

UTM = rasterio.CRS.from_epsg(32618)


def picture(
    file: str, group: str | None = None, pixels: str | None = "", at: tuple[int, int] | None = None, side: str = ""
) -> Picture:
    """A picture of 64 x 64 px named by its file; equal `pixels` are copies, "" are pixels of its own."""
    name = file.rsplit(".", 1)[0]
    ground = Placed(64, 64) if at is None else Placed(64, 64, GRID @ Affine.translation(at[1], at[0]), UTM)
    return Picture(name, file, group or name, side or None, file if pixels == "" else pixels, ground)


def found(*pictures: Picture) -> Together:
    return together(pictures, 32)


def given(*names: str) -> Together:
    """Pictures `train/Urban/1.png` of a given split, whose folder below the side is their group."""
    return found(*(picture(name, name.split("/")[1], side=name.split("/")[0].lower()) for name in names))


def test_pictures_of_equal_pixels_are_one_group_and_join_their_folders() -> None:
    lying = found(
        picture("a.png", pixels="x"), picture("b.png"), picture("c.png", pixels="x"), picture("d.png", "north", "y"),
        picture("e.png", "north"), picture("f.png", "south", "y"), picture("g.png", "west"),
    )  # fmt: skip
    assert lying.groups == ("a+c", "b", "a+c", "north+south", "north+south", "north+south", "west")
    assert lying.joined.tolist() == [0, 1, 0, 3, 4, 3, 6]
    assert not lying.places_known


def test_pictures_of_a_single_colour_show_no_place() -> None:
    lying = found(picture("a.png", "north", None), picture("b.png", "south", None))
    assert lying.groups == ("north", "south")
    assert lying.places_known
    assert lying.key() == []


def test_where_each_picture_stands_for_itself_the_key_is_that_of_versions_without_this_rule() -> None:
    lying = found(picture("a.png"), picture("b.png"))
    assert (lying.groups, lying.key(), lying.notes(), lying.warnings()) == (("a", "b"), [], [], [])


def test_versions_of_one_source_are_one_group_within_their_folder() -> None:
    lying = found(
        picture("train/images/a_jpg.rf.01ab.jpg", side="train"),
        picture("train/images/a_jpg.rf.02ab.jpg", side="train"),
        picture("valid/images/a_jpg.rf.03ab.jpg", side="val"),
        picture("valid/images/b_jpg.rf.04ab.jpg", side="val"),
        picture("north/a_jpg.rf.05ab.jpg", "north", side="val"),
    )
    assert lying.one_picture.tolist() == [0, 0, 0, 3, 4]
    assert lying.notes()[0] == "2 of 5 pictures are versions of others by their names: they are one group"
    assert lying.warnings() == [
        "1 of the 3 pictures of val are versions of pictures in train (valid/images/a_jpg.rf.03ab.jpg, "
        "train/images/a_jpg.rf.01ab.jpg); take them out of one side, or draw another split with --split image"
    ]


def test_augmented_pictures_go_with_the_one_beside_them() -> None:
    lying = found(picture("t/1.png"), picture("t/1_flip.png"), picture("v/1.png"), picture("v/1_rot90.png"))
    assert lying.one_picture.tolist() == [0, 0, 2, 2]
    assert found(picture("t/1.png"), picture("v/1_flip.png")).one_picture.tolist() == [0, 0]
    # Of two pictures of that name elsewhere it is not clear which was turned.
    assert found(picture("t/1.png"), picture("u/1.png"), picture("v/1_flip.png")).one_picture.tolist() == [0, 1, 2]


def test_pictures_that_touch_or_overlap_on_the_ground_are_one_group() -> None:
    lying = found(
        picture("a.tif", at=(0, 0)), picture("b.tif", at=(0, 32)),
        picture("c.tif", at=(64, 96)), picture("d.tif", at=(0, 200)),
    )  # fmt: skip
    assert lying.groups == ("a+b+c", "a+b+c", "a+b+c", "d")  # c touches b at a corner
    assert (lying.touching, lying.places_known, lying.n_joined) == (True, True, 2)
    assert lying.notes() == [
        "by their georeference, 4 pictures lie in 2 places: those that touch or overlap are one group"
    ]


def test_a_copy_without_coordinates_lies_where_its_original_does() -> None:
    lying = found(picture("a.png", pixels="x"), picture("b.tif", pixels="x", at=(10, 20)), picture("c.tif", at=(0, 0)))
    assert lying.joined.tolist() == [0, 0, 0]
    assert lying.lying.scene.tolist() == [0, 0, 0]
    assert lying.lying.shifts.tolist() == [[10, 20], [10, 20], [0, 0]]


def test_urban_and_rural_are_kinds_and_no_groups_of_a_given_split() -> None:
    lying = given("Train/Urban/1.png", "Train/Rural/2.png", "Val/Urban/3.png", "Val/Rural/4.png")
    assert len(set(lying.groups)) == 4
    assert lying.kinds == ("Rural", "Urban")
    assert not lying.places_known
    assert lying.notes() == [
        "folders Rural, Urban: taken for kinds of pictures, not for places, so they are not held together; if each is "
        "one place, scores are optimistic"
    ]


def test_tiles_of_one_scene_on_both_sides_are_one_group() -> None:
    lying = given("Train/Tile 1/1.png", "Train/Tile 2/2.png", "Val/Tile 1/3.png", "Val/Tile 2/4.png")
    assert lying.groups == ("Tile 1", "Tile 2", "Tile 1", "Tile 2")
    assert (lying.kinds, lying.notes()) == ((), [])


def test_unknown_words_are_groups_unless_each_side_has_them_all() -> None:
    alike = given("train/highland/1.png", "train/delta/2.png", "val/highland/3.png", "val/delta/4.png")
    assert alike.kinds == ("delta", "highland")
    assert len(set(alike.groups)) == 4
    some = given("train/austin/1.png", "train/vienna/2.png", "val/austin/3.png")
    assert some.groups == ("austin", "vienna", "austin")


def test_one_folder_divided_by_a_list_stays_a_group() -> None:
    lying = found(*(picture(f"highland/{i}.png", "highland", side=side) for i, side in enumerate(("train", "val"))))
    assert set(lying.groups) == {"highland"}


def test_without_a_given_split_kinds_are_no_groups_but_numbered_ones_and_other_words_are() -> None:
    lying = found(
        *(picture(f"{i}.png", group) for i, group in enumerate(("Urban", "Urban", "day 1", "day 1", "delta")))
    )
    assert lying.groups == ("0", "1", "day 1", "day 1", "delta")
    assert lying.kinds == ("Urban",)


def test_kinds_below_train_alone_are_divided_where_val_is_drawn() -> None:
    lying = given("Train/Urban/1.png", "Train/Rural/2.png", "Train/Rural/3.png")
    assert lying.groups == ("Train/Urban/1", "Train/Rural/2", "Train/Rural/3")
    assert lying.kinds == ("Rural", "Urban")


def test_a_folder_that_holds_the_data_set_again_is_no_group() -> None:
    files = ("a", "b", "c")
    root = [picture(f"images/{name}.png", pixels=name) for name in files]
    nested = [picture(f"nested/images/{name}.png", "nested", name) for name in files]
    assert len(set(found(*root, *nested).groups)) == 3
    assert found(*root, *nested).groups[:3] == found(*root, *nested).groups[3:]
    part = found(*root, *nested[:2])
    assert part.groups[:2] == part.groups[3:]
    assert len(set(part.groups)) == 3
    assert not part.places_known


def test_of_two_folders_of_equal_pictures_neither_is_a_group() -> None:
    lying = found(*(picture(f"{folder}/{name}.png", folder, name) for folder in ("one", "two") for name in "abc"))
    assert len(set(lying.groups)) == 3
    assert lying.groups[:3] == lying.groups[3:]


def test_tiles_stay_groups_where_a_folder_holds_them_all_again() -> None:
    tiles = [picture(f"tile {name}/{name}{i}.png", f"tile {name}", f"{name}{i}") for name in "ab" for i in (1, 2)]
    whole = [picture(f"whole/{one.pixels}.png", "whole", one.pixels) for one in tiles]
    lying = found(*tiles, *whole)
    assert lying.groups[:4] == lying.groups[4:]
    assert len(set(lying.groups)) == 2
    assert lying.groups[0] == lying.groups[1]


def test_a_folder_of_copies_is_not_told_as_a_kind() -> None:
    root = [picture(f"images/{name}.png", pixels=name) for name in "abc"]
    assert found(*root, *(picture(f"data/{name}.png", "data", name) for name in "abc")).kinds == ()


def test_folders_that_share_some_pictures_stay_groups() -> None:
    north = [picture(f"north/{i}.png", "north", f"n{i}") for i in range(3)]
    south = [picture("south/0.png", "south", "n0"), picture("south/1.png", "south", "s1")]
    assert set(found(*north, *south).groups) == {"north+south"}
