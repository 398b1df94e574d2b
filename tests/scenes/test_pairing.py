"""Data sets found by looking: folders, zips, layouts, pairs."""

import os
import shutil
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest

from terrazzo.errors import ImageError, InputError
from terrazzo.pixels.photos import read_photo
from terrazzo.scenes.detect import LAYOUTS, find_scenes
from terrazzo.scenes.layouts import LAYOUT_NAMES
from terrazzo.scenes.stitch import stitch_tile
from terrazzo.scenes.trees import FolderTree, ZipTree, composed, natural_key, open_tree
from tests.worlds.handmade import bands_of_classes, color_mask, encoded, flat_set, photo, tile_set, write

MASK = color_mask(4, 6)


def zipped(folder: Path, path: Path, prefix: str = "") -> Path:
    """The files below a folder in a zip, as they are, under a prefix."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, prefix + file.relative_to(folder).as_posix())
    return path


# --- trees


def test_numbers_in_names_sort_as_numbers() -> None:
    names = ["Tile 10/a", "Tile 2/b10", "Tile 2/b9", "tile 2/b9", "Tile 1"]
    assert sorted(names, key=natural_key) == ["Tile 1", "Tile 2/b9", "tile 2/b9", "Tile 2/b10", "Tile 10/a"]


def test_a_folder_and_its_zip_list_and_read_the_same(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.png", "a.txt", ".DS_Store", "__MACOSX/b/._2.png", "b/._2.png", ".git/x"):
        write(tmp_path / "set" / name, name.encode())
    folder, archive = FolderTree(tmp_path / "set"), ZipTree(zipped(tmp_path / "set", tmp_path / "set.zip"))
    assert folder.files() == archive.files() == ("a.txt", "b/2.png", "b/10.png")
    assert folder.read("b/2.png") == archive.read("b/2.png") == b"b/2.png"
    assert folder.name == archive.name == "set"
    assert folder.where("a.txt") == str(tmp_path / "set" / "a.txt")
    assert archive.where("a.txt") == f"{tmp_path / 'set.zip'}!a.txt"


def test_linked_folders_are_read_once_and_circles_end(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/x.png", b"x")
    (tmp_path / "set").mkdir()
    try:
        (tmp_path / "set/link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
        (tmp_path / "elsewhere/back").symlink_to(tmp_path / "set", target_is_directory=True)
    except OSError:
        pytest.skip("no symbolic links here")
    assert FolderTree(tmp_path / "set").files() == ("link/x.png",)


def test_backslashes_of_windows_zips_are_folders(tmp_path: Path) -> None:
    path = tmp_path / "w.zip"
    info = zipfile.ZipInfo("x")
    info.filename = "images\\a.png"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, b"a")
    assert ZipTree(path).files() == ("images/a.png",)


def test_what_is_no_tree_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        open_tree(tmp_path / "nowhere")
    write(tmp_path / "a.zip", b"PK\3\4 but no zip")
    with pytest.raises(InputError, match=r"a\.zip: is neither a folder nor a readable zip"):
        open_tree(tmp_path / "a.zip")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"secret")
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\1\2") + 8] |= 1  # the flag in the central directory
    path.write_bytes(raw)
    with pytest.raises(ImageError, match=r"e\.zip!a\.png: is encrypted; unpack the zip"):
        ZipTree(path).read("a.png")


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"0123456789")
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"0123") + 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ImageError, match=r"d\.zip!a\.png: is damaged in the zip \(Bad CRC-32"):
        ZipTree(path).read("a.png")


def test_a_member_that_says_it_is_absurdly_large_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"small")
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\1\2") + 24
    raw[at : at + 4] = (3 << 30).to_bytes(4, "little")
    path.write_bytes(raw)
    with pytest.raises(ImageError, match="would unpack to 3072 MiB; at most 2048 MiB"):
        ZipTree(path).read("a.png")


def test_a_name_that_a_zip_holds_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"1")
        archive.writestr("b.png", b"2")
    path.write_bytes(path.read_bytes().replace(b"b.png", b"a.png"))
    with pytest.raises(InputError, match=r"holds a\.png twice"):
        ZipTree(path)


# --- layouts


def test_tiles_are_groups_and_their_names_keep_scenes_apart(tmp_path: Path) -> None:
    found = find_scenes(tile_set(tmp_path / "set"))
    assert found.layout == "humans-in-the-loop"
    assert [scene.name for scene in found.scenes] == [
        *("Tile 1/image_part_001", "Tile 1/image_part_002", "Tile 2/image_part_001"),
        *("Tile 2/image_part_002", "Tile 10/image_part_001", "Tile 10/image_part_002"),
    ]
    assert [scene.group for scene in found.scenes] == ["Tile 1"] * 2 + ["Tile 2"] * 2 + ["Tile 10"] * 2
    assert found.class_table is not None
    assert found.class_table.name == "classes.json"
    assert found.void_colors == ((0, 0, 0),)
    assert found.unpaired == found.notes == ()


@pytest.mark.parametrize("prefix", ["", "archive/Semantic segmentation dataset/"])
def test_a_zip_gives_what_its_folder_gives(tmp_path: Path, prefix: str) -> None:
    folder = tile_set(tmp_path / "set")
    write(folder / "__MACOSX/Tile 1/images/._image_part_001.jpg", b"")
    here = find_scenes(folder)
    there = find_scenes(zipped(folder, tmp_path / "set.zip", prefix))
    assert [(s.name, s.group) for s in there.scenes] == [(s.name, s.group) for s in here.scenes]
    assert [s.label.read() for s in there.scenes] == [s.label.read() for s in here.scenes]
    assert there.scenes[0].image.where == f"{tmp_path / 'set.zip'}!{prefix}Tile 1/images/image_part_001.jpg"


def test_one_tile_alone_keeps_its_name(tmp_path: Path) -> None:
    found = find_scenes(tile_set(tmp_path / "set") / "Tile 10")
    assert found.layout == "humans-in-the-loop"
    assert {scene.group for scene in found.scenes} == {"Tile 10"}


def test_tiles_of_two_places_keep_their_place(tmp_path: Path) -> None:
    for place in ("north", "south"):
        tile_set(tmp_path / "set" / place, tiles=(1,), parts=1)
    assert {scene.group for scene in find_scenes(tmp_path / "set").scenes} == {"north/Tile 1", "south/Tile 1"}


def test_flat_pairs_by_stem_whatever_the_suffix(tmp_path: Path) -> None:
    for name, kind in {"a.JPG": "JPEG", "b.tif": "TIFF", "c.d.webp": "WEBP", "e.bmp": "BMP", "f.jpeg": "JPEG"}.items():
        write(tmp_path / "deep/down/Images" / name, encoded(photo(4, 6), kind))
        write(tmp_path / "deep/down/masks" / Path(name).with_suffix(".png"), MASK)
    found = find_scenes(tmp_path)
    assert found.layout == "flat"
    assert [(s.name, s.group, s.split) for s in found.scenes] == [(n, n, None) for n in ("a", "b", "c.d", "e", "f")]
    assert find_scenes(tmp_path / "deep/down").scenes[0].name == "a"


def test_several_pairs_of_folders_are_groups(tmp_path: Path) -> None:
    for place in ("north", "south/coast"):
        flat_set(tmp_path / place, {"a": MASK, "b": MASK})
    assert [(s.name, s.group) for s in find_scenes(tmp_path).scenes] == [
        *(("north/a", "north"), ("north/b", "north")),
        *(("south/coast/a", "south/coast"), ("south/coast/b", "south/coast")),
    ]


@pytest.mark.parametrize(
    ("folder", "split"),
    [("train", "train"), ("Validation", "val"), ("valid", "val"), ("test", "test"), ("x/val/city", "val")],
)
def test_folders_named_for_a_split_give_it_and_are_no_group(tmp_path: Path, folder: str, split: str) -> None:
    flat_set(tmp_path / folder, {"a": MASK})
    flat_set(tmp_path / "training", {"b": MASK})
    scenes = {scene.split: scene for scene in find_scenes(tmp_path).scenes if scene.name.endswith("a")}
    assert set(scenes) == {split}
    assert scenes[split].group == ("x/city" if "city" in folder else f"{folder}/a")


def test_a_split_below_images_and_masks_counts_too(tmp_path: Path) -> None:
    for side in ("train", "val"):
        write(tmp_path / "images" / side / "a.png", photo(4, 6))
        write(tmp_path / "masks" / side / "a.png", MASK)
    found = find_scenes(tmp_path)
    assert [(s.name, s.group, s.split) for s in found.scenes] == [
        *(("train/a", "train/a", "train"), ("val/a", "val/a", "val"))
    ]


def test_what_has_no_partner_is_told(tmp_path: Path) -> None:
    flat_set(tmp_path, {"a": MASK, "b": MASK})
    (tmp_path / "images/b.png").unlink()
    write(tmp_path / "images/c.png", photo(4, 6))
    write(tmp_path / "test/images/d.png", photo(4, 6))
    found = find_scenes(tmp_path)
    assert [scene.name for scene in found.scenes] == ["a"]
    assert {lone.asset.name: lone.problem for lone in found.unpaired} == {
        "images/c.png": "image without mask: there is no masks/c.*",
        "masks/b.png": "mask without image: there is no images/b.*",
        "test/images/d.png": "image without mask: there is no test/masks/d.*",
    }


def test_two_files_of_one_stem_are_not_guessed_between(tmp_path: Path) -> None:
    flat_set(tmp_path, {"a": MASK, "b": MASK})
    write(tmp_path / "images/a.jpg", encoded(photo(4, 6), "JPEG"))
    found = find_scenes(tmp_path)
    assert [scene.name for scene in found.scenes] == ["b"]
    assert [lone.asset.name for lone in found.unpaired] == ["images/a.jpg", "images/a.png", "masks/a.png"]
    assert found.unpaired[0].problem == "a.jpg and a.png have one name, so it is not clear which is meant; keep one"


def test_files_left_alone_are_counted(tmp_path: Path) -> None:
    flat_set(tmp_path, {"a": MASK})
    for name in ("readme.txt", "images/Thumbs.db", "preview/a.png"):
        write(tmp_path / name, b"x")
    assert find_scenes(tmp_path).notes == (
        "1 image file outside images/ and masks/ left alone, e.g. preview/a.png",
        "2 other files left alone, e.g. images/Thumbs.db",
    )


def test_the_table_nearest_to_the_root_is_taken(tmp_path: Path) -> None:
    flat_set(tmp_path / "x", {"a": MASK})
    write(tmp_path / "x/deep/classes.json", b"[]")
    write(tmp_path / "x/Classes.csv", b"name,color")
    table = find_scenes(tmp_path).class_table
    assert table is not None
    assert table.name == "x/Classes.csv"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "found no files; give the folder or .zip that holds them"),
        (
            ["images/a.png", "masks/a.npy"],
            r"images/ \(1 image\), masks/ \(1 file\); .npy files are not read, e.g. masks/a.npy: save them as PNG",
        ),
        (
            ["photos/a.jpg", "b.txt"],
            r"no images with masks found; found folders: photos/ \(1 image\), \./ \(1 file\); give",
        ),
        (
            ["images/a.png"],
            r"images/ \(1 image\); give images and masks as two folders \(IMAGES MASKS\), or what names",
        ),
    ],
)
def test_where_nothing_is_found_it_says_what_is_there(tmp_path: Path, files: list[str], words: str) -> None:
    for name in files:
        write(tmp_path / name, b"x")
    with pytest.raises(InputError, match=words):
        find_scenes(tmp_path)


def test_a_folder_too_deep_is_pointed_up(tmp_path: Path) -> None:
    flat_set(tmp_path / "set", {"a": MASK})
    with pytest.raises(InputError, match=r"did you mean .*set\?$"):
        find_scenes(tmp_path / "set/masks")
    write(tmp_path / "voc/JPEGImages/a.jpg", b"x")
    write(tmp_path / "voc/SegmentationClass/a.png", b"x")
    with pytest.raises(InputError, match=r"did you mean .*voc\?$"):
        find_scenes(tmp_path / "voc/JPEGImages")


def test_a_layout_is_one_file_of_its_name_and_listing_them_loads_no_arrays() -> None:
    assert tuple(sorted(LAYOUTS)) == LAYOUT_NAMES
    for name, layout in LAYOUTS.items():
        assert layout.find.__module__ == f"terrazzo.scenes.layouts.{name.replace('-', '_')}"
    code = "import sys, terrazzo.scenes.layouts as l; print(l.LAYOUT_NAMES); assert 'numpy' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(LAYOUT_NAMES)


def test_layouts_by_name(tmp_path: Path) -> None:
    assert list(LAYOUTS) == [
        *("humans-in-the-loop", "semantic-drone", "cityscapes", "cityscapes-pairs", "camvid", "flat", "annotations")
    ]
    root = tile_set(tmp_path / "set")
    assert find_scenes(root, "flat").layout == "flat"
    assert {scene.group for scene in find_scenes(root, "flat").scenes} == {"Tile 1", "Tile 2", "Tile 10"}
    with pytest.raises(InputError, match="--layout dubai: no such layout; choose one of humans-in-the-loop, "):
        find_scenes(root, "dubai")
    shutil.move(root / "Tile 1", root / "Area 1")
    with pytest.raises(
        InputError,
        match="not in the layout humans-in-the-loop: expected folders Tile N, each with images/ and masks/; found",
    ):
        find_scenes(root, "humans-in-the-loop")


# --- stitching


def cut_in_nine(root: Path, image: np.ndarray, ids: np.ndarray, rows: list[int], cols: list[int]) -> Path:
    from terrazzo.classes.palettes import DUBAI

    bands = [slice(start, end) for start, end in zip([0, *rows], [*rows, image.shape[0]], strict=True)]
    columns = [slice(start, end) for start, end in zip([0, *cols], [*cols, image.shape[1]], strict=True)]
    for number, (band, column) in enumerate(((b, c) for b in bands for c in columns), start=1):
        name = f"image_part_{number:03d}"
        write(root / f"Tile 3/images/{name}.png", image[band, column])
        write(root / f"Tile 3/masks/{name}.png", DUBAI.decode(ids[band, column]))
    return root


def test_nine_parts_become_the_picture_they_were_cut_from(tmp_path: Path) -> None:
    image, ids = photo(32, 40), bands_of_classes(32, 40)
    scenes = find_scenes(cut_in_nine(tmp_path, image, ids, [11, 21], [13, 27])).scenes
    stitched, labels = stitch_tile(scenes[::-1])
    assert np.array_equal(stitched, image)
    assert np.array_equal(labels, ids)


def test_a_part_larger_by_a_pixel_loses_its_last_row(tmp_path: Path) -> None:
    image, ids = photo(30, 30), bands_of_classes(30, 30)
    root = cut_in_nine(tmp_path, image, ids, [10, 20], [10, 20])
    write(root / "Tile 3/images/image_part_005.png", np.pad(image[10:20, 10:20], ((0, 1), (0, 0), (0, 0))))
    write(root / "Tile 3/masks/image_part_005.png", color_mask(11, 10))
    assert np.array_equal(stitch_tile(find_scenes(root).scenes)[0], image)


def test_what_is_no_tile_is_not_stitched(tmp_path: Path) -> None:
    scenes = find_scenes(tile_set(tmp_path / "set")).scenes
    with pytest.raises(InputError, match="9 parts of one group, these are 2 of Tile 1"):
        stitch_tile(scenes[:2])
    root = cut_in_nine(tmp_path / "other", photo(30, 30), bands_of_classes(30, 30), [10, 20], [10, 16])
    with pytest.raises(InputError, match="is 6x10, the tile's first part 10x10; parts of one tile differ by a pixel"):
        stitch_tile(find_scenes(root).scenes)


# --- the real data


@pytest.mark.real
def test_the_dubai_tiles(dubai: Path) -> None:
    found = find_scenes(dubai)
    assert found.layout == "humans-in-the-loop"
    assert len(found.scenes) == 54
    assert list(dict.fromkeys(scene.group for scene in found.scenes)) == [f"Tile {n}" for n in (1, 2, 4, 5, 7, 8)]
    assert found.unpaired == found.notes == ()


@pytest.mark.real
def test_the_seams_of_a_stitched_dubai_tile_are_no_edges(dubai: Path) -> None:
    scenes = [scene for scene in find_scenes(dubai).scenes if scene.group == "Tile 2"]
    image, ids = stitch_tile(scenes)
    heights = [read_photo(scene.image.read(), "").shape[:2] for scene in scenes]
    assert image.shape[:2] == ids.shape == (3 * 544, 509 + 510 + 509)
    grey = image.astype(np.float64).mean(axis=2)
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    assert steps[heights[0][1] - 1] < 2 * steps.mean()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a\.png: is no regular file"):
        FolderTree(tmp_path).read("a.png")


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text there")
def test_a_file_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    flat_set(tmp_path, {"a": MASK})
    for folder, suffix in (("images", b".jpg"), ("masks", b".png")):
        file = next((tmp_path / folder).iterdir())
        file.rename(os.fsdecode(os.fsencode(file.parent) + b"/caf\xe9" + suffix))
    with pytest.raises(InputError, match=r"'images/caf\\udce9.jpg' is not UTF-8; rename the file"):
        find_scenes(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="permissions are other there")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_an_error(tmp_path: Path) -> None:
    flat_set(tmp_path, {"a": MASK})
    (tmp_path / "masks").chmod(0)
    try:
        with pytest.raises(InputError, match="masks: cannot be listed"):
            find_scenes(tmp_path)
    finally:
        (tmp_path / "masks").chmod(0o755)


# --- names as macOS writes them


@pytest.mark.parametrize("as_zip", [False, True])
def test_composed_and_decomposed_names_pair(tmp_path: Path, as_zip: bool) -> None:
    """`é` as one character in the images and the lists, as `e` and an accent in the masks of a Mac's zip."""
    one, two = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")
    assert one != two
    names = [f"images/{one}.png", f"masks/{two}.png", f"images/{two}_2.png", f"masks/{one}_2.png"]
    raw = {name: name.encode() for name in names} | {"val.txt": f"{two}_2\n".encode()}
    root = tmp_path / ("set.zip" if as_zip else "set")
    if as_zip:
        with zipfile.ZipFile(root, "w") as archive:
            for name, content in raw.items():
                archive.writestr(name, content)
    else:
        for name, content in raw.items():
            write(root / name, content)
    found = find_scenes(root)
    assert {scene.name: scene.split for scene in found.scenes} == {one: "train", f"{one}_2": "val"}
    assert found.unpaired == ()
    label = next(scene.label for scene in found.scenes if scene.name == one)
    assert (label.read().decode(), two in label.where) == (f"masks/{two}.png", not as_zip)


def test_two_files_that_differ_by_the_form_of_a_name_are_two() -> None:
    one, two = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
    assert composed([one, two, f"{two}x"]) == {one: one, two: two, f"{one}x": f"{two}x"}
