"""Preparing pictures: copies, versions and overlaps stay on one side, and what is lost is counted.

The data sets are those that people have: an archive that holds itself again, an export with three versions of each
picture, tiles with half overlap, LoveDA's folders.
"""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import terrazzo
from terrazzo.errors import LabelError, OutputExistsError, SplitError
from terrazzo.patches.folder import Patches
from terrazzo.patches.prepared import Prepared
from tests.worlds.handmade import encoded, photo, write
from tests.worlds.pictures import SIDE, ids, pair, place_of, table, tile
from tests.worlds.rasters import GRID, noise

SHARED, UNKNOWN = "no validation pixel shares", "nothing is known of places"


@pytest.fixture
def said() -> list[str]:
    return []


def prepared(root: Path, said: list[str], **options: object) -> Prepared:
    more = {"classes": table(root), "patch_size": SIDE, "say": said.append, **options}
    return terrazzo.prepare(root, out=root.parent / "out", **more)  # type: ignore[arg-type]


def told(done: Prepared) -> str:
    """The line on what scores on the split are worth."""
    return next(line for line in done.summary() if line.startswith("split by"))


def sides_of(patches: Patches) -> dict[str, set[str]]:
    """The sides that each image has patches on."""
    names = np.array(patches.image_names)[patches.image_of]
    return {name: set(patches.sides[names == name].tolist()) for name in patches.image_names}


def test_copies_across_a_given_split_make_it_leaky(tmp_path: Path, said: list[str]) -> None:
    for number in range(4):
        pair(tmp_path / "d/train", f"{number}", number)
        pair(tmp_path / "d/val", f"{number}", number if number == 0 else 10 + number)
    done = prepared(tmp_path / "d", said)
    assert done.patches.leak == {"image": 0.25, "group": 0.25}  # one of val's four pictures, all of one size
    assert told(done) == (
        "split by given: LEAKY split: 25% of the validation pixels share a group with training (25% an image); scores "
        "will be optimistic"
    )
    assert done.lines == (
        "1 of the 4 pictures of val are in train as well (val/images/0.png, train/images/0.png); take them out of one "
        "side, or draw another split with --split image",
    )
    again = prepared(tmp_path / "d", said, split="image", overwrite=True)
    assert again.patches.leak == {"image": 0.0, "group": 0.0}
    assert again.lines == ()


@pytest.mark.parametrize("seed", range(4))
def test_copies_stay_on_one_side_of_a_drawn_split(tmp_path: Path, said: list[str], seed: int) -> None:
    for number in range(4):
        for copy in "abc":
            pair(tmp_path / "d", f"{number}{copy}", number)
    done = prepared(tmp_path / "d", said, seed=seed)
    sides = sides_of(done.patches)
    assert all(sides[f"{number}a"] == sides[f"{number}b"] == sides[f"{number}c"] for number in range(4))
    assert done.patches.description["splits"] == {"train": 9, "val": 3, "test": 0}  # one picture of four
    assert (done.patches.description["split_method"], done.patches.leak["group"]) == ("image", 0)
    assert SHARED not in told(done)
    assert UNKNOWN in told(done)
    (copies,) = (line for line in said if "is the same picture" in line)
    assert copies.startswith("warn: images/0b.png: is the same picture as")
    assert copies.endswith("; 7 more of the 12 pictures are copies of others")


def test_copies_in_blocks_are_kept_from_one_another_as_the_same_ground(tmp_path: Path, said: list[str]) -> None:
    for name in "ab":
        pair(tmp_path / "d", name, 5, ids(12 * SIDE, 12 * SIDE))
    patches = prepared(tmp_path / "d", said, split="block").patches
    train, val = (patches.corners[patches.sides == side] for side in ("train", "val"))
    assert patches.image_of[patches.sides == "val"].tolist() != []
    assert (np.abs(train[:, None] - val[None]).max(axis=2) - SIDE >= SIDE).all()


def test_an_archive_that_holds_itself_again(tmp_path: Path, said: list[str]) -> None:
    for part in range(4):
        for number in range(2):
            pair(tmp_path / "d" / f"Tile {part}", f"{number}", 10 * part + number)
    shutil.copytree(tmp_path / "d", tmp_path / "again")
    shutil.move(tmp_path / "again", tmp_path / "d" / "d")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for path in sorted((tmp_path / "d").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path))
    done = prepared(tmp_path / "d.zip", said)
    assert set(done.patches.image_groups) == {f"d/Tile {part}+Tile {part}" for part in range(4)}
    assert done.patches.description["split_method"] == "group"
    assert done.patches.leak == {"image": 0.0, "group": 0.0}
    assert sum("same picture" in line for line in said) == 1


def test_three_versions_of_each_picture_are_one_group(tmp_path: Path, said: list[str]) -> None:
    for number in range(6):
        for version in range(3):
            pair(tmp_path / "d", f"DJI_{number}_JPG.rf.{number}{version}abcdef0123456789", 10 * number + version)
    done = prepared(tmp_path / "d", said)
    sides = sides_of(done.patches)
    for number in range(6):
        assert len(set().union(*(on for name, on in sides.items() if name.startswith(f"DJI_{number}_")))) == 1
    assert done.patches.description["splits"] == {"train": 15, "val": 3, "test": 0}
    assert "12 of 18 pictures are versions of others by their names: they are one group" in said
    assert UNKNOWN in told(done)


def test_versions_across_a_given_split_make_it_leaky(tmp_path: Path, said: list[str]) -> None:
    for version, side in enumerate(("train", "train", "valid")):
        pair(tmp_path / "d" / side, f"a_jpg.rf.{version}abcdef0123456789", version)
    pair(tmp_path / "d/valid", "b_jpg.rf.0123456789abcdef", 7)
    done = prepared(tmp_path / "d", said)
    assert done.patches.leak == {"image": 0.5, "group": 0.5}
    assert "LEAKY" in told(done)


def tiles(root: Path, side: int, step: int, scene: int) -> dict[str, tuple[int, int]]:
    """Tiles of a square scene of so many pixels; the corner of each by name."""
    pixels, corners = noise(3, scene, scene), {}
    for row in range(0, scene - side + 1, step):
        for col in range(0, scene - side + 1, step):
            name = f"tile_{len(corners):06d}"
            tile(root, name, pixels, (row, col), side)
            corners[name] = (row, col)
    return corners


@pytest.mark.parametrize("step", [SIDE // 2, SIDE])
def test_tiles_that_overlap_or_touch_are_divided_by_their_georeference(
    tmp_path: Path, said: list[str], step: int
) -> None:
    corners = tiles(tmp_path / "d", SIDE, step, 8 * SIDE)
    done = prepared(tmp_path / "d", said)
    names = np.array(done.patches.image_names)[done.patches.image_of]
    at = np.array([corners[name] for name in names])
    val, train = (at[done.patches.sides == side] for side in ("val", "train"))
    assert len(val)
    assert len(train)
    assert (np.abs(val[:, None] - train[None]).max(axis=2) - SIDE >= SIDE).all()
    assert f"none is nearer than {SIDE} px to a training pixel" in told(done)
    assert (
        f"by their georeference, {len(corners)} pictures lie in 1 place: those that touch or overlap are one group"
        in said
    )
    assert not any(line.startswith("groups") for line in done.summary())


@pytest.mark.parametrize("downsample", [1, 2])
def test_tiles_with_world_files_are_divided_by_them(tmp_path: Path, said: list[str], downsample: int) -> None:
    side, corners = SIDE * downsample, {}
    pixels = noise(8 * side, 8 * side, 3)
    for row in range(0, 7 * side + 1, side // 2):
        for col in range(0, 7 * side + 1, side // 2):
            name = f"{len(corners)}"
            corners[name] = (row // downsample, col // downsample)
            write(tmp_path / "d/images" / f"{name}.png", pixels[row : row + side, col : col + side])
            write(tmp_path / "d/masks" / f"{name}.png", ids(side, side))
            world = f"0.2\n0\n0\n-0.2\n{500_000.1 + 0.2 * col}\n{6_000_000 - 0.1 - 0.2 * row}\n"
            (tmp_path / "d/images" / f"{name}.pgw").write_text(world)
    patches = prepared(tmp_path / "d", said, downsample=downsample).patches
    at = np.array([corners[patches.image_names[image]] for image in patches.image_of])
    val, train = (at[patches.sides == one] for one in ("val", "train"))
    assert (np.abs(val[:, None] - train[None]).max(axis=2) - SIDE >= SIDE).all()
    assert any("225 pictures lie in 1 place" in line for line in said)


def test_tiles_of_a_zip_and_at_half_the_scale_lie_where_they_did(tmp_path: Path, said: list[str]) -> None:
    corners = tiles(tmp_path / "d", 2 * SIDE, SIDE, 8 * SIDE)
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for path in sorted((tmp_path / "d").rglob("*.*")):
            archive.write(path, path.relative_to(tmp_path))
    whole = prepared(tmp_path / "d", said, downsample=2).patches
    packed = prepared(tmp_path / "d.zip", said, downsample=2, overwrite=True).patches
    assert packed.description["splits"] == whole.description["splits"]
    for patches in (whole, packed):
        at = np.array([corners[patches.image_names[image]] for image in patches.image_of]) // 2
        val, train = (at[patches.sides == side] for side in ("val", "train"))
        assert (np.abs(val[:, None] - train[None]).max(axis=2) - SIDE >= SIDE).all()


def test_tiles_of_three_places_are_groups_and_places_are_known(tmp_path: Path, said: list[str]) -> None:
    pixels = noise(3, 400, 1000)
    for place in range(4):
        for number in range(2):
            tile(tmp_path / "d", f"{place}_{number}", pixels, (0, 250 * place + number * 32))
    assert place_of(tmp_path / "d/images/1_0.tif").c == GRID.c + 250 * GRID.a
    done = prepared(tmp_path / "d", said)
    assert set(done.patches.image_groups) == {f"{place}_0+{place}_1" for place in range(4)}
    assert told(done) == "split by group: no validation pixel shares a group with training"


def test_a_given_split_of_overlapping_tiles_is_leaky(tmp_path: Path, said: list[str]) -> None:
    pixels = noise(3, 100, 400)
    for side, col in (("train", 0), ("val", 32), ("val", 300)):
        tile(tmp_path / "d" / side, f"{col}", pixels, (0, col))
    done = prepared(tmp_path / "d", said)
    assert done.patches.leak == {"image": 0.0, "group": 0.5}
    assert "1 of the 2 pictures of val are on the ground of pictures in train, or touch it" in done.lines[0]


def loveda(root: Path, kinds: tuple[str, str]) -> None:
    for number, (side, kind) in enumerate((side, kind) for side in ("Train", "Val") for kind in kinds):
        for more in range(2):
            folder = root / side / kind
            write(folder / "images_png" / f"{2 * number + more}.png", photo(SIDE, SIDE, 2 * number + more))
            write(folder / "masks_png" / f"{2 * number + more}.png", ids())


def test_the_split_of_loveda_is_not_leaky_for_its_urban_and_rural(tmp_path: Path, said: list[str]) -> None:
    loveda(tmp_path / "d", ("Urban", "Rural"))
    done = prepared(tmp_path / "d", said)
    assert done.patches.leak == {"image": 0.0, "group": 0.0}
    assert UNKNOWN in told(done)
    assert any(line.startswith("folders Rural, Urban: taken for kinds of pictures, not for places") for line in said)
    shutil.move(tmp_path / "d/Train", tmp_path / "train alone")
    drawn = prepared(tmp_path / "train alone", said, overwrite=True)
    assert drawn.patches.leak == {"image": 0.0, "group": 0.0}
    assert UNKNOWN in told(drawn)


def test_the_same_split_of_tiles_is_leaky(tmp_path: Path, said: list[str]) -> None:
    loveda(tmp_path / "d", ("site 1", "site 2"))
    done = prepared(tmp_path / "d", said)
    assert done.patches.leak == {"image": 0.0, "group": 1.0}
    assert "LEAKY" in told(done)


def test_where_each_picture_is_its_own_group_nothing_is_claimed(tmp_path: Path, said: list[str]) -> None:
    for number in range(5):
        pair(tmp_path / "d", f"{number}", number)
    done = prepared(tmp_path / "d", said)
    assert told(done) == (
        "split by image: no picture is in train and val; nothing is known of places: scores may be optimistic"
    )
    assert done.patches.description["places_known"] is False


def test_windows_without_a_label_are_left_out_and_counted(tmp_path: Path, said: list[str]) -> None:
    for number in range(4):
        mask = np.full((256, 256), 255, np.uint8)
        mask[:20, :20] = number % 2
        pair(tmp_path / "d", f"{number}", number, mask)
    patches = prepared(tmp_path / "d", said).patches
    assert len(patches) == 4
    assert patches.valid_pixels.tolist() == [400] * 4
    assert "left out: 60 of 64 patches without a labelled pixel" in said


def test_patches_of_a_version_that_kept_such_windows_are_not_taken_for_the_same(
    tmp_path: Path, said: list[str]
) -> None:
    for number in range(3):
        pair(tmp_path / "d", f"{number}", number)
    done = prepared(tmp_path / "d", said)
    assert prepared(tmp_path / "d", said).kept
    index = done.patches.path / "index.csv"
    first, blank, *rest = index.read_text(encoding="utf-8").splitlines()
    index.write_text("\n".join([first, f"{blank.rpartition(',')[0]},0", *rest, ""]), encoding="utf-8")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        prepared(tmp_path / "d", said)
    assert not prepared(tmp_path / "d", said, overwrite=True).kept
    assert prepared(tmp_path / "d", said).kept


def test_labels_outside_all_whole_patches_are_refused_with_the_way_out(tmp_path: Path, said: list[str]) -> None:
    for number in range(2):
        mask = np.full((90, 90), 255, np.uint8)
        mask[80:, 80:] = 1
        pair(tmp_path / "d", f"{number}", number, mask)
    with pytest.raises(LabelError, match=r"no whole patch of 64 px has a labelled pixel.*use --fit pad"):
        prepared(tmp_path / "d", said)


def test_a_class_in_the_margin_alone_is_lost_and_told(tmp_path: Path, said: list[str]) -> None:
    for number in range(5):
        mask = np.zeros((95, 95), np.uint8)
        mask[70:, 70:], mask[:20, :20] = 1, 2
        pair(tmp_path / "d", f"{number}", number, mask)
    done = prepared(tmp_path / "d", said)
    assert done.lines == (  # 64 * 64 of 95 * 95 pixels are 45.4 %
        "--fit crop: 54.6% of the pixels fill no whole patch of 64 px and are cut off; --fit pad keeps them, a smaller "
        "--patch-size most of them",
        "--fit crop: roof has no pixel in any patch, only outside them; use --fit pad or a smaller --patch-size",
    )
    assert prepared(tmp_path / "d", said, fit="pad", overwrite=True).lines == ()


def test_a_class_that_resizing_loses_is_told(tmp_path: Path, said: list[str]) -> None:
    for number in range(3):
        mask = ids(10 * SIDE, 10 * SIDE, (0, 2))
        mask[0, 0] = 1  # the nearest neighbour takes the middle of each ten pixels
        pair(tmp_path / "d", f"{number}", number, mask)
    done = prepared(tmp_path / "d", said, fit="resize")
    assert done.lines == (
        "--fit resize: roof has no pixel in the smaller images; use --fit pad or a larger --patch-size",
    )


def test_a_class_of_val_alone_has_no_training_pixel(tmp_path: Path, said: list[str]) -> None:
    for number in range(4):
        pair(tmp_path / "d/train", f"{number}", number, ids(classes=(0, 1)))
        pair(tmp_path / "d/val", f"v{number}", 10 + number)
    (line,) = prepared(tmp_path / "d", said).lines
    assert line.startswith("class road has no training pixel: no model can learn it from these patches")


def test_copies_of_one_picture_alone_cannot_be_divided(tmp_path: Path, said: list[str]) -> None:
    for name in "abc":
        pair(tmp_path / "d", name, 0)
    with pytest.raises(SplitError, match="1 separate place cannot be divided into train and val; use --split block"):
        prepared(tmp_path / "d", said)


def test_a_given_train_side_is_divided_with_its_copies_together(tmp_path: Path, said: list[str]) -> None:
    for number in range(5):
        for copy in "ab":
            pair(tmp_path / "d/train", f"{number}{copy}", number)
    done = prepared(tmp_path / "d", said)
    assert done.patches.description["splits"] == {"train": 8, "val": 2, "test": 0}
    assert done.patches.leak == {"image": 0.0, "group": 0.0}


def test_blank_pictures_join_no_groups(tmp_path: Path, said: list[str]) -> None:
    for part in range(4):
        pair(tmp_path / "d" / f"Tile {part}", "a", part)
        write(tmp_path / "d" / f"Tile {part}" / "images" / "blank.png", np.zeros((SIDE, SIDE, 3), np.uint8))
        write(tmp_path / "d" / f"Tile {part}" / "masks" / "blank.png", ids())
    done = prepared(tmp_path / "d", said)
    assert set(done.patches.image_groups) == {f"Tile {part}" for part in range(4)}
    assert done.patches.leak == {"image": 0.0, "group": 0.0}


def test_copies_are_found_by_their_pixels_whatever_the_file(tmp_path: Path, said: list[str]) -> None:
    for number, kind in enumerate(("PNG", "BMP", "TIFF")):
        write(tmp_path / "d/images" / f"{number}.{kind.lower()}", encoded(photo(SIDE, SIDE, 3), kind))
        Image.fromarray(ids()).save(write(tmp_path / "d/masks" / f"{number}.png", ids()))
    pair(tmp_path / "d", "other", 9)
    assert set(prepared(tmp_path / "d", said).patches.image_groups) == {"0+1+2", "other"}
