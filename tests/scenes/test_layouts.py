"""The layouts of published data sets: what is found, which id each value becomes, what is left out and counted."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import terrazzo
from terrazzo.classes.palettes import CAMVID, CITYSCAPES, SEMANTIC_DRONE
from terrazzo.classes.schema import IGNORE, ClassSchema
from terrazzo.errors import ClassTableError, LabelError
from terrazzo.scenes.contract.check import Checked, check, read_label
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.detect import find_scenes
from terrazzo.scenes.layouts.cityscapes import TRAINING_IDS
from terrazzo.scenes.synthetic import write_world
from tests.worlds.handmade import encoded, photo, write

H, W = 45, 70
LAYOUTS = ("semantic-drone", "cityscapes", "cityscapes-pairs", "camvid")


def checked(root: Path, **options: object) -> Checked:
    return check(root, find_scenes(root), LabelOptions(**options), 32)


def labels(result: Checked) -> dict[str, NDArray[np.uint8]]:
    return {one.scene.name: read_label(one.scene, result.schema) for one in result.scenes}


def drone_table(schema: ClassSchema = SEMANTIC_DRONE) -> str:
    rows = zip(schema.names, schema.colors, strict=True)
    return "name, r, g, b\n" + "".join(f"{name}, {r}, {g}, {b}\n" for name, (r, g, b) in rows)


def drone_set(root: Path, ids: NDArray[np.uint8], table: str | None, kinds: str = "both") -> Path:
    """Two images of the Semantic Drone layout in circulation; the second mask is the first one upside down."""
    inner = root / "archive (3)/dataset/semantic_drone_dataset"
    for seed, name in enumerate(("000", "017")):
        mask = ids[:: 1 - 2 * seed]
        write(inner / f"original_images/{name}.jpg", encoded(photo(*ids.shape, seed), "JPEG"))
        if kinds != "colors":
            write(inner / f"label_images_semantic/{name}.png", np.ascontiguousarray(mask))
        if kinds != "ids":
            folder = root / "archive (3)/RGB_color_image_masks/RGB_color_image_masks"
            write(folder / f"{name}.png", SEMANTIC_DRONE.decode(np.ascontiguousarray(mask)))
    if table is not None:
        write(root / "archive (3)/class_dict_seg.csv", table.encode())
    return root


ALL_24 = (np.arange(40)[:, None] // 10 * 6 + np.arange(60)[None] // 10).astype(np.uint8)
"""Ids (40, 60): all 24 classes in squares of ten pixels, row by row."""


# --- every layout, written and read back


@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize(
    ("layout", "splits", "n_images"),
    [
        ("semantic-drone", {"train": 12, "val": 4, "test": 0}, 8),  # a fifth of eight images, rounded to 2
        ("cityscapes", {"train": 8, "val": 4, "test": 0}, 6),  # the two of test have no class
        ("cityscapes-pairs", {"train": 12, "val": 4, "test": 0}, 8),
        ("camvid", {"train": 8, "val": 4, "test": 4}, 8),  # one sequence of train is held out as val
    ],
)
def test_a_world_in_each_layout_prepares_with_no_option(
    tmp_path: Path, layout: str, splits: dict[str, int], n_images: int, as_zip: bool
) -> None:
    name = "world.zip" if as_zip else "world"
    root = write_world(tmp_path / name, layout=layout, n_images=8, size=(H, W), as_zip=as_zip)
    inspected = terrazzo.inspect(root, patch_size=32)
    assert inspected.refusal is None
    assert inspected.to_dict()["layout"] == layout
    assert inspected.to_dict()["n_images"] == 8
    patches = terrazzo.prepare(root, out=tmp_path / "patches", patch_size=32).patches
    assert patches.description["layout"] == layout
    assert len(patches.image_names) == n_images
    assert patches.description["splits"] == splits  # 45 x 70 holds two patches of 32
    assert patches.leak == {"image": 0.0, "group": 0.0}


def test_a_folder_and_its_zip_are_the_same_scenes_in_each_layout(tmp_path: Path) -> None:
    for layout in LAYOUTS:
        folder = write_world(tmp_path / layout, layout=layout, n_images=4, size=(H, W))
        archive = write_world(tmp_path / f"{layout}.zip", layout=layout, n_images=4, size=(H, W), as_zip=True)
        one, other = find_scenes(folder), find_scenes(archive)
        assert one.layout == other.layout == layout
        assert [scene.name for scene in one.scenes] == [scene.name for scene in other.scenes]
        assert [scene.label.read() for scene in one.scenes] == [scene.label.read() for scene in other.scenes]


# --- Semantic Drone


def test_drone_colour_masks_are_read_by_the_table(tmp_path: Path) -> None:
    result = checked(drone_set(tmp_path, ALL_24, drone_table()))
    assert result.schema == SEMANTIC_DRONE
    assert list(labels(result)) == ["000", "017"]
    assert np.array_equal(labels(result)["000"], ALL_24)
    assert np.array_equal(labels(result)["017"], ALL_24[::-1])
    assert [one.scene.group for one in result.scenes] == ["000", "017"]
    assert any(note.startswith("the frames overlap") for note in result.report.notes)
    assert any(note.startswith("masks: the colour masks in archive (3)/RGB_color") for note in result.report.notes)
    assert result.report.class_pixels == (200,) * 24  # two masks with 10 x 10 pixels of each


@pytest.mark.parametrize("kinds", ["ids", "colors"])
def test_drone_masks_of_either_kind_alone_mean_the_same(tmp_path: Path, kinds: str) -> None:
    result = checked(drone_set(tmp_path, ALL_24, drone_table(), kinds))
    assert result.schema == SEMANTIC_DRONE
    assert np.array_equal(labels(result)["000"], ALL_24)


def test_half_a_set_of_colour_masks_leaves_nothing_out(tmp_path: Path) -> None:
    root = drone_set(tmp_path, ALL_24, drone_table())
    (root / "archive (3)/RGB_color_image_masks/RGB_color_image_masks/017.png").unlink()
    result = checked(root)
    assert list(labels(result)) == ["000", "017"]
    assert any(note.startswith("masks: the masks of ids in") for note in result.report.notes)


def test_the_official_drone_layout(tmp_path: Path) -> None:
    for seed, name in enumerate(("004", "011")):
        write(tmp_path / f"training_set/images/{name}.jpg", encoded(photo(40, 60, seed), "JPEG"))
        write(tmp_path / f"training_set/gt/semantic/label_images/{name}.png", SEMANTIC_DRONE.decode(ALL_24))
    write(tmp_path / "training_set/gt/semantic/class_dict.csv", drone_table().encode())
    result = checked(tmp_path)
    assert result.layout == "semantic-drone"
    assert list(labels(result)) == ["004", "011"]
    assert np.array_equal(labels(result)["011"], ALL_24)


def test_edited_colours_of_the_table_are_the_masks_colours(tmp_path: Path) -> None:
    colors = list(SEMANTIC_DRONE.colors)
    colors[3] = (1, 2, 3)
    edited = ClassSchema(SEMANTIC_DRONE.names, tuple(colors))
    root = drone_set(tmp_path, ALL_24, drone_table(edited), "ids")
    write(root / "RGB_color_image_masks/000.png", edited.decode(ALL_24))
    write(root / "RGB_color_image_masks/017.png", edited.decode(ALL_24))
    result = checked(root)
    assert result.schema.colors[3] == (1, 2, 3)
    assert np.array_equal(labels(result)["000"], ALL_24)


@pytest.mark.parametrize("first_id", [-1, 0])
def test_a_drone_table_with_semicolons_and_an_id_column(tmp_path: Path, first_id: int) -> None:
    rows = zip(SEMANTIC_DRONE.names, SEMANTIC_DRONE.colors, strict=True)
    lines = [f"{first_id + i}; {name} ;{r};{g};{b}" for i, (name, (r, g, b)) in enumerate(rows)]
    table = "id;name; r; g; b\n" + "\n".join(lines)
    for kinds in ("ids", "colors"):
        result = checked(drone_set(tmp_path / kinds, ALL_24, table, kinds))
        assert result.schema == SEMANTIC_DRONE
        # No mask holds -1: where ids begin there, a mask's value is the row's number.
        assert np.array_equal(labels(result)["000"], ALL_24)


def test_colliding_colours_of_a_drone_table_are_named(tmp_path: Path) -> None:
    table = drone_table().replace("person, 255, 22, 96", "person, 255, 0, 0")
    words = r"class_dict_seg\.csv: the colour #FF0000 is given to 'person' and 'conflicting'.*--classes FILE"
    with pytest.raises(ClassTableError, match=words):
        checked(drone_set(tmp_path, ALL_24, table))
    given = write(tmp_path / "given.csv", drone_table().encode())
    assert np.array_equal(labels(checked(tmp_path, classes=given))["000"], ALL_24)


def test_a_drone_set_without_its_table_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    root = drone_set(tmp_path, ALL_24, None)
    for path in root.rglob("*.jpg"):
        path.write_bytes(b"not read")
    words = r"found no table of classes \(class_dict_seg\.csv or class_dict\.csv\); .*--classes FILE"
    with pytest.raises(ClassTableError, match=words):
        terrazzo.prepare(root, out=tmp_path / "patches", patch_size=32)
    assert "found no table of classes" in str(terrazzo.inspect(root, patch_size=32).refusal)


def test_a_drone_mask_without_its_image_is_told(tmp_path: Path) -> None:
    root = drone_set(tmp_path, ALL_24, drone_table())
    next(root.rglob("017.jpg")).unlink()
    refusal = checked(root).report.refusal
    assert refusal is not None
    assert (
        "017.png: mask without image: there is no archive (3)/dataset/semantic_drone_dataset/original_images" in refusal
    )


# --- Cityscapes


def cityscapes_scene(root: Path, split: str, city: str, ids: NDArray[np.uint8], kind: str = "labelIds") -> None:
    stem = f"{split}/{city}/{city}_000001_000019"
    seed = sum(map(ord, city))
    write(root / f"leftImg8bit/{stem}_leftImg8bit.png", photo(*ids.shape[:2], seed))
    write(root / f"gtFine/{stem}_gtFine_{kind}.png", ids)


IDS = np.broadcast_to(np.arange(68) // 2, (40, 68)).astype(np.uint8)
"""Ids (40, 68): all 34 ids of Cityscapes, each in two columns."""


def test_the_34_ids_become_the_19_training_ids() -> None:
    # By the table of the data set's authors: id -> training id, all others ignored.
    published = dict(zip((7, 8, 11, 12, 13, 17, 19, 20, 21, 22), range(10), strict=True))
    published |= dict(zip((23, 24, 25, 26, 27, 28, 31, 32, 33), range(10, 19), strict=True))
    assert tuple(published.get(i, 255) for i in range(34)) == TRAINING_IDS
    assert [CITYSCAPES.names[TRAINING_IDS[i]] for i in (7, 26, 33)] == ["road", "car", "bicycle"]


def test_cityscapes_by_its_own_ids_splits_and_cities(tmp_path: Path) -> None:
    cityscapes_scene(tmp_path / "a", "train", "aachen", IDS)
    cityscapes_scene(tmp_path / "b/c", "val", "ulm", IDS[:, ::-1])
    for kind in ("color", "instanceIds", "labelTrainIds"):
        write(tmp_path / f"a/gtFine/train/aachen/aachen_000001_000019_gtFine_{kind}.png", IDS)
    result = checked(tmp_path)
    found = [(one.scene.name, one.scene.group, one.scene.split) for one in result.scenes]
    assert found == [
        ("train/aachen/aachen_000001_000019", "aachen", "train"),
        ("val/ulm/ulm_000001_000019", "ulm", "val"),
    ]
    expected = np.repeat(np.array(TRAINING_IDS, np.uint8), 2)
    assert np.array_equal(labels(result)["train/aachen/aachen_000001_000019"], np.tile(expected, (40, 1)))
    assert result.report.class_pixels == (160,) * 19  # two columns of 40 pixels in two masks
    assert result.report.ignored_pixels == 15 * 160
    assert not any("left alone" in note for note in result.report.notes)


def test_an_ignored_cityscapes_class_is_told_by_its_own_name(tmp_path: Path) -> None:
    cityscapes_scene(tmp_path, "train", "aachen", IDS)
    result = checked(tmp_path, ignore_class=("car",))
    assert any("(2.94%) of id 26, car, in 1 file, e.g. " in note for note in result.report.notes)
    assert result.schema.n_classes == 18
    # truck, training id 14, closes up
    assert set(labels(result)["train/aachen/aachen_000001_000019"][:, 54].tolist()) == {13}


def test_an_id_of_34_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    ids = IDS.copy()
    ids[3, 5] = 34
    cityscapes_scene(tmp_path, "train", "aachen", IDS)
    cityscapes_scene(tmp_path, "val", "ulm", ids)
    words = "gtFine_labelIds.png: 1 pixel of id 34 out of range, which is 0..33 and 255, e.g. row 3, col 5"
    with pytest.raises(LabelError, match=re.escape(words)):
        terrazzo.prepare(tmp_path, out=tmp_path / "patches", patch_size=32)


def test_test_labels_without_any_class_are_left_out_and_counted(tmp_path: Path) -> None:
    for city in ("aachen", "bochum"):
        cityscapes_scene(tmp_path, "train", city, IDS)
    cityscapes_scene(tmp_path, "test", "berlin", np.full_like(IDS, 3))
    result = checked(tmp_path)
    assert [one.scene.group for one in result.scenes] == ["aachen", "bochum"]
    assert "left out: 1 scene whose masks hold no pixel of any class" in result.report.notes
    assert result.report.refusal is None


def test_test_images_without_any_labels_are_left_alone_and_counted(tmp_path: Path) -> None:
    cityscapes_scene(tmp_path, "train", "aachen", IDS)
    cityscapes_scene(tmp_path, "test", "berlin", IDS)
    shutil.rmtree(tmp_path / "gtFine/test")
    result = checked(tmp_path)
    assert result.report.refusal is None
    assert any(note.startswith("1 image of test, which has no labels, left alone") for note in result.report.notes)


def test_one_missing_label_of_a_split_is_an_image_without_mask(tmp_path: Path) -> None:
    cityscapes_scene(tmp_path, "train", "aachen", IDS)
    cityscapes_scene(tmp_path, "train", "bochum", IDS)
    shutil.rmtree(tmp_path / "gtFine/train/bochum")
    refusal = checked(tmp_path).report.refusal
    assert refusal is not None
    assert "there is no gtFine/train/bochum/bochum_000001_000019_gtFine_labelIds.png" in refusal


def test_training_ids_serve_where_there_are_no_others(tmp_path: Path) -> None:
    training = np.array(TRAINING_IDS, np.uint8)[IDS]
    cityscapes_scene(tmp_path, "train", "aachen", training, "labelTrainIds")
    assert np.array_equal(labels(checked(tmp_path))["train/aachen/aachen_000001_000019"], training)


def test_colours_under_the_name_of_ids_are_refused(tmp_path: Path) -> None:
    cityscapes_scene(tmp_path, "train", "aachen", CITYSCAPES.decode(IDS % 19))
    refusal = checked(tmp_path).report.refusal
    assert refusal is not None
    assert "labelIds.png: holds colours; expected one channel of ids" in refusal


def test_too_few_given_classes_for_the_ids_of_a_layout(tmp_path: Path) -> None:
    cityscapes_scene(tmp_path, "train", "aachen", IDS)
    table = write(tmp_path / "three.csv", b"name,color\na,#010101\nb,#020202\nc,#030303\n")
    with pytest.raises(ClassTableError, match="has 3 classes, the masks of the layout cityscapes need 19"):
        checked(tmp_path, classes=table)


# --- the 'image pairs' copy of Cityscapes


def side_by_side(colors: NDArray[np.uint8], kind: str = "JPEG", seed: int = 0) -> bytes:
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    return encoded(np.concatenate([photo(*colors.shape[:2], seed), colors], axis=1), kind, **options)


def test_pairs_snap_to_the_nearest_colour_and_count_what_is_far(tmp_path: Path) -> None:
    """A PNG under a JPEG's name: exact colours, so that every number can be worked by hand."""
    colors = np.zeros((40, 60, 3), np.uint8)
    colors[:, :20] = (128, 64, 128)  # road
    colors[:, 20:40] = (0, 0, 142)  # car; the licence plates have this colour, too
    colors[:, 40:] = (0, 0, 0)  # void
    colors[0, 0] = (128 + 48, 64, 128)  # 48 from road, and as far as it may be; sidewalk is farther
    colors[0, 1] = (0, 255, 0)  # far from every colour
    colors[1, 21] = (9, 0, 142)  # 9 from car
    write(tmp_path / "cityscapes_data/train/1.jpg", side_by_side(colors, "PNG"))
    write(tmp_path / "cityscapes_data/val/1.jpg", side_by_side(colors[::-1], "PNG", seed=1))
    result = checked(tmp_path)
    assert [(one.scene.name, one.scene.split) for one in result.scenes] == [("train/1", "train"), ("val/1", "val")]
    expected = np.full((40, 60), IGNORE, np.uint8)
    expected[:, :20], expected[:, 20:40] = 0, 13
    expected[0, 1] = IGNORE
    assert np.array_equal(labels(result)["train/1"], expected)
    # In each of two masks of 2400 pixels: two off the palette and near, one far.
    line = (
        "lossy masks: 4 pixels (0.08%) off the palette taken for the nearest colour, at most 48 away in RGB; "
        "2 pixels (0.04%) farther off: ignored"
    )
    assert line in result.report.notes


def test_the_photo_of_a_pair_is_the_left_half(tmp_path: Path) -> None:
    colors = CITYSCAPES.decode(np.broadcast_to(np.arange(60) // 20, (40, 60)).astype(np.uint8))
    for number in (1, 2, 3):
        raw = side_by_side(colors, "PNG", seed=number)
        write(tmp_path / f"cityscapes_data/{'val' if number == 3 else 'train'}/{number}.jpg", raw)
    patches = terrazzo.prepare(tmp_path, out=tmp_path / "patches", patch_size=40).patches
    assert np.array_equal(patches.images[0], photo(40, 60, 1)[:, :40])
    assert np.array_equal(patches.masks[0], np.broadcast_to(np.arange(40) // 20, (40, 40)))


def test_pairs_are_known_by_their_colours_under_any_name(tmp_path: Path) -> None:
    root = write_world(tmp_path / "world", layout="cityscapes-pairs", n_images=3, size=(H, W))
    (root / "cityscapes_data").rename(root / "my data")
    assert find_scenes(root).layout == "cityscapes-pairs"
    assert [scene.split for scene in find_scenes(root).scenes] == ["train", "train", "val"]


def test_a_copy_of_the_pairs_inside_themselves_counts_once(tmp_path: Path) -> None:
    root = write_world(tmp_path / "world", layout="cityscapes-pairs", n_images=3, size=(H, W))
    shutil.copytree(root / "cityscapes_data", root / "again")
    (root / "again").rename(root / "cityscapes_data/cityscapes_data")
    found = find_scenes(root)
    assert [scene.name for scene in found.scenes] == ["train/1", "train/2", "val/1"]
    assert found.notes == ("3 other files left alone, e.g. cityscapes_data/cityscapes_data/train/1.jpg",)


def test_photos_that_are_no_pairs_are_refused_by_name(tmp_path: Path) -> None:
    green = np.broadcast_to(np.array([0, 255, 0], np.uint8), (40, 60, 3))
    write(tmp_path / "cityscapes_data/train/1.jpg", side_by_side(green))
    refusal = checked(tmp_path).report.refusal
    assert refusal is not None
    assert "1.jpg: 100% of its mask lies farther than 48 in RGB from every colour" in refusal
    write(tmp_path / "cityscapes_data/train/1.jpg", encoded(photo(40, 61), "JPEG"))
    assert "is 61 pixels wide; expected two halves of equal width" in str(checked(tmp_path).report.refusal)


@pytest.mark.parametrize("quality", [75, 92])
def test_lossy_masks_are_right_but_along_edges(tmp_path: Path, quality: int) -> None:
    """JPEG works in blocks of 16 pixels: a pixel with nothing but its own class up to 16 around it has its exact id."""
    rows, cols = np.mgrid[:150, :190]
    ids = np.where(rows + cols < 150, 2, np.where((rows - 90) ** 2 + (cols - 120) ** 2 < 1800, 13, 8)).astype(np.uint8)
    both = np.concatenate([photo(150, 190), CITYSCAPES.decode(ids)], axis=1)
    write(tmp_path / "cityscapes_data/train/1.jpg", encoded(both, "JPEG", quality=quality))
    read = labels(checked(tmp_path))["train/1"]
    around = np.lib.stride_tricks.sliding_window_view(ids, (33, 33))
    inside = around.min(axis=(2, 3)) == around.max(axis=(2, 3))
    assert inside.sum() > 3000
    assert np.array_equal(read[16:-16, 16:-16][inside], ids[16:-16, 16:-16][inside])
    assert (read == ids).mean() > 0.97


# --- CamVid


def test_camvid_ids_and_names() -> None:
    assert CAMVID.names[:4] == ("sky", "building", "pole", "road")
    assert CAMVID.names[8:] == ("car", "pedestrian", "bicyclist", "unlabelled")
    assert CAMVID.n_classes == 12


def camvid_set(root: Path, sides: dict[str, tuple[str, ...]]) -> NDArray[np.uint8]:
    ids = np.broadcast_to(np.arange(60) // 5, (40, 60)).astype(np.uint8)
    for side, stems in sides.items():
        for stem in stems:
            write(root / f"images_prepped_{side}/{stem}.png", photo(40, 60, sum(map(ord, side + stem))))
            write(root / f"annotations_prepped_{side}/{stem}.png", ids)
    return ids


def test_camvid_by_its_own_split_and_sequences(tmp_path: Path) -> None:
    train = ("0001TP_006690", "0001TP_006720", "0006R0_f00930", "0016E5_00390", "0016E5_00420")
    ids = camvid_set(tmp_path / "dataset1", {"train": train, "test": ("0016E5_07959",)})
    shutil.copy(
        tmp_path / "dataset1/images_prepped_train/0001TP_006690.png",
        tmp_path / "dataset1/images_prepped_train/0001TP_006690(1).png",
    )
    result = checked(tmp_path)
    assert result.layout == "camvid"
    assert [one.scene.group for one in result.scenes] == ["0016E5", "0001TP", "0001TP", "0006R0", "0016E5", "0016E5"]
    assert [one.scene.split for one in result.scenes] == ["test"] + ["train"] * 5
    assert np.array_equal(labels(result)["test/0016E5_07959"], ids)
    notes = result.report.notes
    assert any(note.startswith("1 stray file named `name(1)` left alone") for note in notes)
    assert "frames of 0016E5 are in train and in test: scores on test are optimistic" in notes
    said = terrazzo.prepare(tmp_path, out=tmp_path / "patches", patch_size=32)
    # Of the five patches of train one is wanted: the sequence that has one. A patch of 32 px takes 1024 of 2400 pixels.
    assert said.lines[0].startswith("--fit crop: 57.3% of the pixels fill no whole patch of 32 px")
    assert said.lines[2:] == ("the layout's own split has no val: 0006R0 of its train are held out as val (1 patches)",)
    assert said.patches.description["splits"] == {"train": 4, "val": 1, "test": 1}


def test_a_name_with_brackets_that_is_no_copy_is_a_scene(tmp_path: Path) -> None:
    camvid_set(tmp_path, {"train": ("a(1)", "b")})
    assert [one.scene.name for one in checked(tmp_path).scenes] == ["train/a(1)", "train/b"]


def test_camvid_masks_of_other_kinds_hold_the_same_ids(tmp_path: Path) -> None:
    ids = camvid_set(tmp_path, {"train": ("a", "b", "c")})
    palette = Image.fromarray(ids)
    palette.putpalette([255 - i for i in range(768 // 3) for _ in range(3)])
    palette.save(tmp_path / "annotations_prepped_train/a.png")
    Image.fromarray(np.repeat(ids[..., None], 3, axis=2)).save(tmp_path / "annotations_prepped_train/b.png")
    for mask in labels(checked(tmp_path)).values():
        assert np.array_equal(mask, ids)


def test_an_id_of_12_in_camvid_is_out_of_range(tmp_path: Path) -> None:
    ids = camvid_set(tmp_path, {"train": ("a", "b")})
    write(tmp_path / "annotations_prepped_train/b.png", ids + 1)
    refusal = checked(tmp_path).report.refusal
    assert refusal is not None
    assert re.search(r"b\.png: 200 pixels of id 12 out of range, which is 0\.\.11 and 255", refusal)
