"""Flat folders as people have them: names that differ by a word, usual names of folders, splits, ids, colour tables."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import terrazzo
from terrazzo.classes.palettes import DEEPGLOBE, DUBAI, LOVEDA
from terrazzo.classes.schema import IGNORE, ClassSchema
from terrazzo.classes.tables import class_table_csv, parse_table
from terrazzo.errors import ClassTableError, InputError
from terrazzo.inspection import inspect
from terrazzo.scenes.contract.check import Checked, check, read_label
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.detect import find_scenes
from terrazzo.scenes.pairing.stems import is_marked, match_stems, plain_stems
from terrazzo.scenes.scene import Found
from tests.worlds.handmade import bands_of_classes, color_mask, encoded, flat_set, photo, write

MASK = color_mask(4, 6)
IDS = bands_of_classes(40, 60)  # 0..5, each in 400 of 2400 pixels
SIX = "".join(f"{i},c{i}\n" for i in range(1, 7))


def files(root: Path, *names: str) -> Path:
    """Pictures of these names, no two alike; masks are told by a word or folder in the name."""
    for seed, name in enumerate(names):
        is_mask = any(word in name.lower() for word in ("mask", "_m.", "msk", "label", "gt"))
        kind = "JPEG" if name.endswith(".jpg") else "TIFF" if name.endswith(".tif") else "PNG"
        write(root / name, encoded(MASK if is_mask else photo(4, 6, seed), kind))
    return root


def pairs(found: Found) -> dict[str, tuple[str, str]]:
    return {scene.name: (scene.image.name, scene.label.name) for scene in found.scenes}


def checked(root: Path, **options: object) -> Checked:
    return check(root, find_scenes(root), LabelOptions(**options), 32)


def table(root: Path, text: str) -> Path:
    return write(root / "mine.csv", text.encode())


# --- names that differ by a known word


@pytest.mark.parametrize(
    ("image", "mask", "rule"),
    [
        ("7_sat", "7_mask", "*_sat with *_mask"),
        ("IMG_7", "MSK_7", "IMG_* with MSK_*"),
        ("7", "7_m", "* with *_m"),
        ("7-ortho", "7-label", "*-ortho with *-label"),
        ("top_2_10_RGBIR", "top_2_10_label", "*_RGBIR with *_label"),
        ("7_image", "7_mask", "*_image with *_mask"),
        ("7", "7_gt", "* with *_gt"),
        ("7_rgb", "7", "*_rgb with *"),
        ("day 1/7_sat", "day 1/7_mask", "*_sat with *_mask"),
    ],
)
def test_names_that_differ_by_a_word_pair_and_the_rule_is_told(
    tmp_path: Path, image: str, mask: str, rule: str
) -> None:
    found = find_scenes(files(tmp_path, f"images/{image}.jpg", f"masks/{mask}.png"))
    assert pairs(found) == {image: (f"images/{image}.jpg", f"masks/{mask}.png")}
    assert found.notes == (f"paired by name: 1 image {rule}",)


def test_equal_names_come_first_and_a_name_that_fits_two_is_paired_with_neither(tmp_path: Path) -> None:
    root = files(tmp_path, "images/a.png", "images/b.png", "images/c_sat.png")
    files(root, "masks/a.png", "masks/a_m.png", "masks/b_m.png", "masks/b_gt.png", "masks/c_mask.png")
    found = find_scenes(root)
    assert pairs(found) == {"a": ("images/a.png", "masks/a.png"), "c_sat": ("images/c_sat.png", "masks/c_mask.png")}
    assert {lone.asset.name: lone.problem for lone in found.unpaired} == {
        "images/b.png": "b.png fits b_gt.png and b_m.png by name, so the pair is not clear; keep one",
        "masks/a_m.png": "mask without image: there is no images/a_m.*",
        "masks/b_gt.png": "b_gt.png fits b.png by name, which fits others too, so the pair is not clear; keep one",
        "masks/b_m.png": "b_m.png fits b.png by name, which fits others too, so the pair is not clear; keep one",
    }


def test_files_are_never_paired_by_their_order(tmp_path: Path) -> None:
    found = find_scenes(files(tmp_path, "images/a.png", "images/b.png", "masks/c.png", "masks/d.png"))
    assert found.scenes == ()
    assert len(found.unpaired) == 4
    assert found.notes == (
        "no image and mask are named alike; say how the names differ with --image-suffix and --mask-suffix",
    )


def test_matching_does_not_depend_on_the_order_of_the_names() -> None:
    images = {f"{name}.jpg": name for name in ("1_sat", "2_sat", "3", "IMG_4")}
    masks = {f"{name}.png": name for name in ("MSK_4", "3_m", "2_mask", "1_mask")}
    expected = {
        ("1_sat.jpg", "1_mask.png"),
        ("2_sat.jpg", "2_mask.png"),
        ("3.jpg", "3_m.png"),
        ("IMG_4.jpg", "MSK_4.png"),
    }
    for turned in (images, dict(reversed(images.items()))):
        assert {(match.image, match.mask) for match in match_stems(turned, masks).matches} == expected


def test_a_word_counts_as_a_whole_only() -> None:
    assert plain_stems("area_sat") == ("area_sat", "area")
    assert plain_stems("programme") == ("programme",)
    assert plain_stems("M_12") == ("M_12",)  # a map sheet


def test_only_words_set_apart_mark_a_lone_file() -> None:
    assert [name for name in ("a_sat", "MSK_7", "b_m", "overview_map", "img12", "label", "7") if is_marked(name)] == [
        *("a_sat", "MSK_7", "b_m")
    ]


# --- folders


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("img", "msk"),
        ("images", "labels"),
        ("images", "gt"),
        ("images_png", "masks_png"),
        ("image", "label"),
        ("imgs", "Masks"),
    ],
)
def test_other_usual_names_of_sibling_folders(tmp_path: Path, images: str, masks: str) -> None:
    found = find_scenes(files(tmp_path, f"deep/area/{images}/a.png", f"deep/area/{masks}/a.png"))
    assert pairs(found) == {"a": (f"deep/area/{images}/a.png", f"deep/area/{masks}/a.png")}


def test_what_is_missing_is_told_by_the_name_of_the_folder_that_is_there(tmp_path: Path) -> None:
    found = find_scenes(files(tmp_path, "img/IMG_1.tif", "msk/MSK_1.tif", "img/IMG_2.tif"))
    assert [lone.problem for lone in found.unpaired] == ["image without mask: there is no msk/IMG_2.*"]


def test_two_kinds_of_masks_are_not_chosen_between(tmp_path: Path) -> None:
    root = files(tmp_path / "set", "x/images/a.png", "x/masks/a.png", "x/labels/a.png")
    with pytest.raises(
        InputError, match=r"x: holds labels/ and masks/, so it is not clear which are the masks; keep one"
    ):
        find_scenes(root)


def test_one_name_in_two_places_stays_two_scenes(tmp_path: Path) -> None:
    names = [f"{town}/{kind}/area_1.tif" for town in ("Potsdam", "Vaihingen") for kind in ("images", "labels")]
    found = find_scenes(files(tmp_path, *names))
    assert [(scene.name, scene.group) for scene in found.scenes] == [
        *(("Potsdam/area_1", "Potsdam"), ("Vaihingen/area_1", "Vaihingen"))
    ]


def test_loveda_keeps_its_split_and_the_kind_of_place_as_group(tmp_path: Path) -> None:
    for side in ("Train", "Val"):
        for place in ("Urban", "Rural"):
            files(tmp_path, f"{side}/{place}/images_png/1.png", f"{side}/{place}/masks_png/1.png")
    assert {(s.name, s.group, s.split) for s in find_scenes(tmp_path).scenes} == {
        *(("Train/Urban/1", "Urban", "train"), ("Train/Rural/1", "Rural", "train")),
        *(("Val/Urban/1", "Urban", "val"), ("Val/Rural/1", "Rural", "val")),
    }


# --- pairs in one folder


def test_pairs_in_one_folder_and_what_has_no_partner_there(tmp_path: Path) -> None:
    root = files(tmp_path, "train/1_sat.jpg", "train/1_mask.png", "train/2_sat.jpg", "valid/3_sat.jpg", "doc/map.png")
    write(root / "class_dict.csv", b"name,r,g,b\n")
    write(root / "readme.md", b"x")
    found = find_scenes(root)
    assert found.layout == "flat"
    assert [(s.name, s.split, s.label.name) for s in found.scenes] == [("1_sat", "train", "train/1_mask.png")]
    assert {lone.asset.name for lone in found.unpaired} == {"train/2_sat.jpg", "valid/3_sat.jpg"}
    assert found.notes == (
        "paired by name: 1 image *_sat with *_mask",
        "1 image file in folders without pairs left alone, e.g. doc/map.png",
        "1 other file left alone, e.g. readme.md",
    )
    assert found.class_table is not None


def test_the_tiles_of_landcover(tmp_path: Path) -> None:
    found = find_scenes(
        files(tmp_path, "output/N-33_0.jpg", "output/N-33_0_m.png", "output/N-33_1.jpg", "output/N-33_1_m.png")
    )
    assert pairs(found) == {
        "N-33_0": ("output/N-33_0.jpg", "output/N-33_0_m.png"),
        "N-33_1": ("output/N-33_1.jpg", "output/N-33_1_m.png"),
    }


def test_sibling_folders_come_before_pairs_in_one_folder(tmp_path: Path) -> None:
    found = find_scenes(files(tmp_path, "images/a.png", "masks/a.png", "preview/a.jpg", "preview/a_mask.png"))
    assert list(pairs(found)) == ["a"]
    assert found.notes == ("2 image files outside images/ and masks/ left alone, e.g. preview/a.jpg",)


@pytest.mark.parametrize("mask", [IDS[:4, :6], MASK])
def test_a_png_beside_a_jpeg_is_a_mask_only_where_it_cannot_be_a_picture(tmp_path: Path, mask: np.ndarray) -> None:
    root = files(tmp_path, "a.jpg")
    write(root / "a.png", mask)
    if mask.ndim == 2:
        found = find_scenes(root)
        assert pairs(found) == {"a": ("a.jpg", "a.png")}
        assert found.notes == ("paired by name: 1 image *.jpg with *.png, each a palette or one channel",)
        return
    with pytest.raises(
        InputError, match=r"a\.png: lies beside a\.jpg and may be its mask or the same picture again; put"
    ):
        find_scenes(root)


# --- lists of a split


def listed(root: Path, lists: Mapping[str, str]) -> Path:
    """Scenes a..d in images/ and masks/, and lists of these texts."""
    for name in "abcd":
        files(root, f"images/{name}.tif", f"masks/{name}.tif")
    for name, text in lists.items():
        write(root / name, text.encode())
    return root


def test_text_lists_are_the_split_and_names_that_are_not_there_are_counted(tmp_path: Path) -> None:
    lists = {
        "train.txt": "a.tif\nimages/b.tif\n\nx.tif\ny.tif\n",
        "Val.txt": "c\n",
        "test.txt": "# none\nd images/d.tif",
    }
    found = find_scenes(listed(tmp_path, lists))
    assert {scene.name: scene.split for scene in found.scenes} == {"a": "train", "b": "train", "c": "val", "d": "test"}
    assert found.notes == (
        "train.txt: 2 of its entries name no image here, e.g. x.tif",
        "split: 2 train, 1 val, 1 test images as listed in test.txt, train.txt, Val.txt",
    )


@pytest.mark.parametrize(
    "text",
    ["name,split\na,train\nb,train\nc,valid\nd,TEST\n", "Split; image_id\ntrain; a\ntrain; b\nval; c\ntest; d\n"],
)
def test_a_csv_is_the_split(tmp_path: Path, text: str) -> None:
    found = find_scenes(listed(tmp_path, {"split.csv": text}))
    assert [scene.split for scene in found.scenes] == ["train", "train", "val", "test"]


def test_names_without_their_word_and_with_their_folder_are_understood(tmp_path: Path) -> None:
    root = files(
        tmp_path / "set", "n/1_sat.jpg", "n/1_mask.png", "s/1_sat.jpg", "s/1_mask.png", "s/2_sat.jpg", "s/2_mask.png"
    )
    write(root / "train.txt", b"n/1\n/elsewhere/set/s/2_sat.jpg\n")
    write(root / "val.txt", b"set/s/1_sat.jpg")
    assert {s.name: s.split for s in find_scenes(root).scenes} == {
        "n/1_sat": "train",
        "s/1_sat": "val",
        "s/2_sat": "train",
    }
    write(root / "val.txt", b"1_sat.jpg")
    with pytest.raises(
        InputError,
        match=r"val\.txt: line 1: 1_sat\.jpg is the name of 2 images, e\.g\. n/1_sat and s/1_sat; write it with",
    ):
        find_scenes(root)


def test_an_image_in_no_list_has_no_side_where_training_is_listed(tmp_path: Path) -> None:
    found = find_scenes(listed(tmp_path, {"train.txt": "a\nb", "val.txt": "c"}))
    assert [scene.name for scene in found.scenes] == ["a", "b", "c"]
    assert [(lone.asset.name, lone.problem) for lone in found.unpaired] == [
        ("images/d.tif", "is in none of the lists of the split (train.txt, val.txt)")
    ]
    (tmp_path / "train.txt").unlink()
    found = find_scenes(tmp_path)
    assert [scene.split for scene in found.scenes] == ["train", "train", "val", "train"]
    assert found.notes[-1] == "split: 3 images in none of the lists, taken for training"


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        (
            {"train.txt": "a\nb", "val.txt": "b"},
            r"val\.txt: line 1 puts b into val, train\.txt line 2 into train; take",
        ),
        (
            {"split.csv": "name,split\na,dev"},
            r"split\.csv: line 2: 'dev' for 'a'; expected a name and train, val or test",
        ),
        ({"train.txt": "a\xff"}, None),
    ],
)
def test_contradictions_in_lists_are_refused(tmp_path: Path, lists: dict[str, str], words: str | None) -> None:
    root = listed(tmp_path, lists)
    if words is None:
        (root / "train.txt").write_bytes(b"a\xff\n")
        words = r"train\.txt: is not UTF-8 text"
    with pytest.raises(InputError, match=words):
        find_scenes(root)


def test_a_folder_and_a_list_that_disagree_are_refused(tmp_path: Path) -> None:
    root = files(tmp_path, "train/images/a.png", "train/masks/a.png")
    write(root / "val.txt", b"a")
    with pytest.raises(
        InputError, match=r"lies in a folder of train, but val\.txt line 1 lists it as val; move the file"
    ):
        find_scenes(root)


def test_lists_of_something_else_are_told_and_not_used(tmp_path: Path) -> None:
    found = find_scenes(listed(tmp_path, {"test.txt": "roads\nroofs", "metadata.csv": "name,sensor\na,x"}))
    assert [scene.split for scene in found.scenes] == [None] * 4
    assert found.notes == (
        "metadata.csv is not used as a split: its columns are name, sensor",
        "test.txt: 2 of its entries name no image here, e.g. roads",
    )


# --- masks of ids


def test_the_id_column_says_which_value_is_which_class(tmp_path: Path) -> None:
    ids = IDS + 1
    ids[0, :3] = 0
    root = flat_set(tmp_path / "set", {"a": ids})
    text = "id,name\n0,No data\n" + SIX
    result = checked(root, classes=table(tmp_path, text))
    assert result.report.refusal is None
    assert result.schema.names == ("c1", "c2", "c3", "c4", "c5", "c6")
    expected = IDS.copy()
    expected[0, :3] = IGNORE
    assert np.array_equal(read_label(result.scenes[0].scene, result.schema), expected)
    assert result.report.notes == (
        f"classes: 6 from --classes {tmp_path / 'mine.csv'}",
        "classes: 'No data' (the value 0) means no class",
        "ignored: 3 pixels (0.12%) of id 0, in 1 file, e.g. masks/a.png",
    )


def test_a_row_that_means_no_class_may_be_ignored_by_name_too(tmp_path: Path) -> None:
    ids = IDS + 1
    ids[0, :3] = 0
    root, mine = flat_set(tmp_path / "set", {"a": ids}), table(tmp_path, "id,name\n0,void\n" + SIX)
    plain = checked(root, classes=mine)
    for names in (("void",), ("Void",)):
        assert checked(root, classes=mine, ignore_class=names).report == plain.report
    assert checked(root, classes=mine, ignore_class=("Void", "c2")).schema.names == ("c1", "c3", "c4", "c5", "c6")
    with pytest.raises(ClassTableError, match=r"--ignore-class 'nowhere': no such class; there are c1"):
        checked(root, classes=mine, ignore_class=("Void", "nowhere"))


def test_ids_with_gaps_close_up_in_their_order(tmp_path: Path) -> None:
    values = np.array([2, 40, 7, 300, 9, 11], np.uint16)[IDS]
    root = flat_set(tmp_path / "set", {"a": values})
    text = "name;id\nlast;300\nfirst;2\nb;7\nc;9\nd;11\ne;40\n"
    result = checked(root, classes=table(tmp_path, text), ignore_class=("c",))
    assert result.schema.names == ("first", "b", "d", "e", "last")
    assert np.array_equal(
        read_label(result.scenes[0].scene, result.schema), np.array([0, 3, 1, 4, 255, 2], np.uint8)[IDS]
    )
    assert "ignored: 400 pixels (16.67%) of id 9, c, in 1 file, e.g. masks/a.png" in result.report.notes


def test_ids_that_are_not_in_the_table_follow_unknown(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": IDS + 1, "b": IDS})  # b holds 0, a does not
    mine = table(tmp_path, f"id,name\n{SIX}")
    refused = checked(root, classes=mine).report
    assert refused.refusal is not None
    assert "b.png: 400 pixels of id 0 out of range, which is 1..6 and 255, e.g. row 0, col 0" in refused.refusal
    ignored = checked(root, classes=mine, unknown="ignore")
    assert ignored.report.refusal is None
    assert "ignored: 400 pixels (8.33%) of id 0, in 1 file, e.g. masks/b.png" in ignored.report.notes
    b = next(scene.scene for scene in ignored.scenes if scene.scene.name == "b")
    assert np.array_equal(read_label(b, ignored.schema, "ignore"), np.array([255, 0, 1, 2, 3, 4], np.uint8)[IDS])


def test_an_ignored_value_is_an_option_too(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": IDS})
    mine = table(tmp_path, "id,name\n" + "".join(f"{i},c{i}\n" for i in range(6)))
    result = checked(root, classes=mine, ignore_value=(0, 3))
    assert result.schema.names == ("c1", "c2", "c4", "c5")
    assert np.array_equal(
        read_label(result.scenes[0].scene, result.schema), np.array([255, 0, 1, 255, 2, 3], np.uint8)[IDS]
    )
    without = table(tmp_path, "name,color\n" + "".join(f"c{i},#0{i}0000\n" for i in range(6)))
    with pytest.raises(
        ClassTableError, match=r"has no column of ids, so 'c0' would be the value 0 that --ignore-value"
    ):
        checked(root, classes=without, ignore_value=(0,))
    with pytest.raises(
        ClassTableError, match="--ignore-value 0: the masks hold colours, not ids; name that colour's row"
    ):
        checked(flat_set(tmp_path / "colours", {"a": color_mask(40, 60)}), ignore_value=(0,))
    with pytest.raises(InputError, match=r"--ignore-value -1: expected a value of id masks, 0\.\.65535"):
        LabelOptions(ignore_value=(-1,))


def test_a_written_table_of_ids_holds_the_values_of_the_files(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": IDS + 1})
    mine = tmp_path / "classes.csv"
    inspect(root, patch_size=32, ignore_value=(6,), write_classes=mine)
    told = parse_table(mine.read_text(encoding="utf-8"), "t")
    assert told.schema.names == tuple(f"class_{i}" for i in range(1, 6))
    assert told.values == (1, 2, 3, 4, 5)
    assert told.ignored == (("ignore", 6),)
    assert checked(root, classes=mine).report.class_pixels == (400,) * 5
    again = tmp_path / "again.csv"
    inspect(root, patch_size=32, classes=mine, write_classes=again)
    assert again.read_bytes() == mine.read_bytes()


def test_inspect_shows_the_remapping(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": IDS + 1})
    mine = table(tmp_path, "id,name\n1,ignore\n2,b\n3,c\n4,d\n5,e\n6,f\n")
    told = inspect(root, patch_size=32, classes=mine, ignore_class=("d",))
    at = told.lines().index("values in the masks: value -> id, name")
    assert told.lines()[at + 1 : at + 7] == [
        *("      1 -> ignored", "      2 ->   0  b", "      3 ->   1  c"),
        *("      4 -> ignored", "      5 ->   2  e", "      6 ->   3  f"),
    ]
    values = json.loads(json.dumps(told.to_dict()))["label_values"]
    assert values[0] == {"value": 1, "id": 255, "name": None, "pixels": 400}
    assert values[4] == {"value": 5, "id": 2, "name": "e", "pixels": 400}
    assert inspect(flat_set(tmp_path / "rgb", {"a": color_mask(40, 60)})).to_dict()["label_values"] == []


def test_ids_as_they_are_need_no_table_of_values(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": IDS})
    mine = table(tmp_path, "name,color\n" + "".join(f"c{i},#0{i}0000\n" for i in range(6)))
    assert "the masks hold the ids themselves" in inspect(root, patch_size=32, classes=mine).lines()


def test_other_values_for_the_same_classes_are_other_patches(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": IDS + 1, "b": IDS + 1, "c": IDS + 1})
    prepared = []
    for first in (1, 0):
        rows = "".join(f"{first + i},c{i},#0{i}0000\n" for i in range(6))
        mine = write(tmp_path / f"{first}.csv", f"id,name,color\n{rows}".encode())
        options = {"classes": mine, "unknown": "ignore", "patch_size": 32, "split": "image", "val": 0.3}
        prepared.append(terrazzo.prepare(root, out=tmp_path / f"patches {first}", **options).patches)
    assert prepared[0].description["classes"][0]["name"] == prepared[1].description["classes"][0]["name"] == "c0"
    assert prepared[0].description["key"] != prepared[1].description["key"]


def test_an_empty_list_is_told(tmp_path: Path) -> None:
    root = files(tmp_path / "set", "images/a.png", "masks/a.png")
    write(root / "train.txt", b"\n# none yet\n")
    found = find_scenes(root)
    assert found.scenes[0].split is None
    assert "train.txt is not used as a split: it names no image" in found.notes


# --- 0 and 255


def test_0_and_255_alone_are_background_and_foreground(tmp_path: Path) -> None:
    mask = np.where(IDS < 2, 255, 0).astype(np.uint8)
    root = flat_set(tmp_path / "set", {"a": mask, "b": np.zeros((40, 60), np.uint8)})
    result = checked(root)
    assert result.schema.names == ("background", "foreground")
    assert result.report.class_pixels == (2400 + 1600, 800)
    assert result.report.notes == (
        "classes: the masks hold 0 and 255 alone, in one channel: 0 is background, 255 is foreground, not ignore",
    )
    assert np.array_equal(read_label(result.scenes[0].scene, result.schema), (IDS < 2).astype(np.uint8))
    value = inspect(root, patch_size=32).to_dict()["label_values"]
    assert [(entry["value"], entry["id"], entry["name"]) for entry in value] == [
        (0, 0, "background"),
        (255, 1, "foreground"),
    ]
    named = checked(root, classes=table(tmp_path, "name,color\nground,#000000\nroof,#FF0000\n"))
    assert named.schema.names == ("ground", "roof")
    assert named.report.class_pixels == (4000, 800)
    assert named.report.notes[-1].endswith("0 is ground, 255 is roof, not ignore")


def test_a_third_value_in_any_file_makes_255_ignore_again(tmp_path: Path) -> None:
    mask = np.where(IDS < 2, 255, 0).astype(np.uint8)
    other = mask.copy()
    other[39, 59] = 1
    root = flat_set(tmp_path / "set", {"a": mask, "b": other})
    with pytest.raises(ClassTableError, match="3 ids need a table of classes"):
        checked(root)
    result = checked(root, classes=table(tmp_path, "name,color\nground,#000000\nroof,#FF0000\n"))
    assert result.report.class_pixels == (3199, 1)
    assert result.report.ignored_pixels == 1600


def test_0_and_255_beside_ignored_values_stay_background_and_foreground(tmp_path: Path) -> None:
    mask = np.where(IDS < 2, 255, 0).astype(np.uint8)
    mask[39, 59] = 128
    root = flat_set(tmp_path / "set", {"a": mask})
    mine = table(tmp_path, "name,color\nground,#000000\nroof,#FF0000\n")
    for options, names in (({}, ("background", "foreground")), ({"classes": mine}, ("ground", "roof"))):
        result = checked(root, ignore_value=(128,), **options)
        assert result.schema.names == names
        assert (result.report.class_pixels, result.report.ignored_pixels) == ((1599, 800), 1)


def test_255_is_ignored_where_the_user_says_so(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": np.where(IDS < 2, 255, 0).astype(np.uint8)})
    mine = table(tmp_path, "id,name\n0,ground\n1,roof\n")
    result = checked(root, classes=mine, ignore_value=(255,))
    assert result.report.class_pixels == (1600, 0)
    result = checked(root, classes=table(tmp_path, "id,name\n255,roof\n0,ignore\n"))
    assert result.schema.names == ("roof",)
    assert (result.report.class_pixels, result.report.ignored_pixels) == ((800,), 1600)


# --- colours


def test_alpha_is_dropped_and_the_color_beneath_decides(tmp_path: Path) -> None:
    rgba = np.dstack([color_mask(40, 60), np.full((40, 60), 255, np.uint8)])
    rgba[:10, :10, 3] = 0
    result = checked(flat_set(tmp_path / "set", {"a": rgba}))
    assert result.schema == DUBAI
    assert np.array_equal(read_label(result.scenes[0].scene, result.schema), IDS)


def test_deepglobe_colors_with_noise_and_black_as_ignore(tmp_path: Path) -> None:
    ids = bands_of_classes(40, 60, DEEPGLOBE)
    colors = DEEPGLOBE.decode(ids).astype(np.int64)
    noise = np.random.default_rng(0).integers(0, 30, colors.shape)
    colors = np.where(colors > 127, colors - noise, colors + noise).astype(np.uint8)
    colors[:, :2] = 0
    root = tmp_path / "set"
    write(root / "train/1_sat.jpg", encoded(photo(40, 60), "JPEG"))
    write(root / "train/1_mask.png", colors)
    write(
        root / "class_dict.csv",
        class_table_csv(ClassSchema((*DEEPGLOBE.names, "unknown"), (*DEEPGLOBE.colors, (0, 0, 0)))).encode(),
    )
    result = checked(root, unknown="nearest")
    assert result.report.refusal is None
    assert result.schema.names == DEEPGLOBE.names
    expected = ids.copy()
    expected[:, :2] = IGNORE
    assert np.array_equal(read_label(result.scenes[0].scene, result.schema, "nearest"), expected)
    assert any(note.startswith("nearest: ") for note in result.report.notes)
    assert "classes: 'unknown' (by its colour) means no class" in result.report.notes


# --- tables

TABLE_QUIRKS = {
    "blanks": " name, r, g, b\n roof, 255, 0, 0\nroad , 0, 0, 9\n tree,1,1,1\n",
    "semicolons": "name;r;g;b\nroof;255;0;0\nroad;0;0;9\ntree;1;1;1\n",
    "channels by name, in any order": "b,g,r,name\n0,0,255,roof\n9,0,0,road\n1,1,1,tree\n",
    "ids from -1": "id;name;color\n-1;roof;#FF0000\n0;road;#000009\n1;tree;#010101\n",
    "ids decide the order": "id,name,red,green,blue\n7,tree,1,1,1\n3,road,0,0,9\n0,roof,255,0,0\n",
    "json with ids": '[{"id": 2, "name": "tree", "color": [1, 1, 1]}, {"id": 0, "name": "roof", "color": "#FF0000"}, '
    '{"id": 1, "name": "road", "color": "0 0 9"}]',
}


@pytest.mark.parametrize("text", TABLE_QUIRKS.values(), ids=TABLE_QUIRKS.keys())
def test_quirks_of_tables(text: str) -> None:
    schema = parse_table(text, "t").schema
    assert schema.names == ("roof", "road", "tree")
    assert schema.colors == ((255, 0, 0), (0, 0, 9), (1, 1, 1))


def test_ids_of_a_table() -> None:
    assert parse_table(TABLE_QUIRKS["ids from -1"], "t").values == (-1, 0, 1)
    assert parse_table(TABLE_QUIRKS["ids decide the order"], "t").values == (0, 3, 7)
    plain = parse_table(TABLE_QUIRKS["blanks"], "t")
    assert (plain.values, plain.has_ids) == ((0, 1, 2), False)
    void = parse_table("name,color\nVoid,#000000\nroof,#FF0000\nno-data,#000000\n", "t")
    assert void.ignored == (("Void", 0), ("no-data", 2))
    assert (void.schema.names, void.values, void.schema.void_colors) == (("roof",), (1,), ((0, 0, 0),))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "name,r,g,b\nperson,255,0,0\n\ndog,1,1,1\nconflicting,255,0,0\n",
            r"the colour #FF0000 is given to 'person' and 'conflicting' \(line 2 and line 5\); colours must be unique",
        ),
        ("id,name\n3,a\n3,b\n", r"the id 3 is given to 'a' and 'b' \(line 2 and line 3\); ids must be unique"),
        (
            "name,color\nvoid,#010101\na,#010101\n",
            r"the colour #010101 is given to 'void' and 'a' \(line 2 and line 3\)",
        ),
        ("id,name\nx,a\n", "line 2: the id 'x' of 'a' is no whole number"),
        ("name,color\nignore,#000000\n", "at least one class"),
        ('[{"name": "a", "color": "#010101"}, {"name": "b", "color": "#010101"}]', r"\(entry 1 and entry 2\)"),
    ],
)
def test_tables_that_contradict_themselves(text: str, words: str) -> None:
    with pytest.raises(ClassTableError, match=words) as caught:
        parse_table(text, "my.csv")
    assert str(caught.value).startswith("my.csv: ")
    assert "\n" not in str(caught.value)


def test_an_id_below_0_is_no_value_of_a_mask(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": IDS % 3})
    mine = table(tmp_path, TABLE_QUIRKS["ids from -1"])
    with pytest.raises(ClassTableError, match=r"mine\.csv: the id -1 of 'roof' cannot occur in a mask of ids"):
        checked(root, classes=mine)


def test_colors_listed_as_blue_green_red_are_not_turned_round(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": color_mask(40, 60)})
    rows = "".join(f"{name},{b},{g},{r}\n" for name, (r, g, b) in zip(DUBAI.names, DUBAI.colors, strict=True))
    turned = checked(root, classes=table(tmp_path, f"name,r,g,b\n{rows}"))
    assert turned.report.refusal is not None
    assert "#3C1098" in turned.report.refusal
    named = checked(root, classes=table(tmp_path, f"name,b,g,r\n{rows}"))
    assert named.report.refusal is None
    assert named.schema.colors == DUBAI.colors


# --- one-hot


def test_one_hot_of_remapped_masks_goes_both_ways_with_ignore(tmp_path: Path) -> None:
    ids = (IDS + 1).astype(np.uint8)
    ids[3, 5:9] = 0
    root = flat_set(tmp_path / "set", {"a": ids})
    result = checked(root, classes=table(tmp_path, f"id,name\n0,ignore\n{SIX}"))
    label = read_label(result.scenes[0].scene, result.schema)
    one_hot = result.schema.one_hot(label)
    assert one_hot.shape == (6, 40, 60)
    assert one_hot.dtype == np.uint8
    assert one_hot.sum() == 2400 - 4
    assert not one_hot[:, 3, 5:9].any()
    assert np.array_equal(result.schema.from_one_hot(one_hot), label)
    probs = one_hot.astype(np.float32) * 0.9 + 0.1 / 6
    assert np.array_equal(result.schema.from_one_hot(probs)[label != IGNORE], label[label != IGNORE])


def test_loveda_as_ids(tmp_path: Path) -> None:
    ids = bands_of_classes(40, 60, LOVEDA)  # 0..6
    for side in ("Train", "Val"):
        write(tmp_path / f"set/{side}/Urban/images_png/0.png", photo(40, 60, len(side)))
        write(tmp_path / f"set/{side}/Urban/masks_png/0.png", np.where(np.arange(60) < 1, 0, ids + 1).astype(np.uint8))
    rows = "".join(f"{i},{name}\n" for i, name in enumerate(LOVEDA.names, start=1))
    result = checked(tmp_path / "set", classes=table(tmp_path, f"id,name\n0,no data\n{rows}"))
    assert result.report.refusal is None
    assert result.schema.names == LOVEDA.names
    assert result.report.ignored_pixels == 2 * 40
    assert [scene.scene.split for scene in result.scenes] == ["train", "val"]


# --- what is missing of a listed name


def test_a_listed_name_whose_mask_or_image_is_missing(tmp_path: Path) -> None:
    root = listed(tmp_path, {"train.txt": "a\nb\n", "val.txt": "c\nd\n", "test.txt": "t0\nt1.png\nm\nnowhere\n"})
    files(root, "images/t0.png", "images/t1.png", "masks/m.png")
    found = find_scenes(root)
    assert found.notes == (
        "test.txt: 2 images are listed, but their masks are missing, e.g. t0",
        "test.txt: m is listed, but its image is missing",
        "test.txt: 1 of its entries name no image here, e.g. nowhere",
        "split: 2 train, 2 val images as listed in train.txt, val.txt",
    )
    assert {lone.asset.name: lone.problem for lone in found.unpaired} == {
        "images/t0.png": "image without mask: there is no masks/t0.*; it is listed in test.txt",
        "images/t1.png": "image without mask: there is no masks/t1.*; it is listed in test.txt",
        "masks/m.png": "mask without image: there is no images/m.*; it is listed in test.txt",
    }


def test_lists_for_other_tasks_of_voc_are_no_splits_and_images_in_no_list_need_no_mask(tmp_path: Path) -> None:
    root = files(tmp_path, *(f"JPEGImages/{n}.jpg" for n in "abc"), *(f"SegmentationClass/{n}.png" for n in "ab"))
    write(root / "ImageSets/Segmentation/train.txt", b"a\n")
    write(root / "ImageSets/Segmentation/val.txt", b"b\n")
    write(root / "ImageSets/Main/train.txt", b"b\nc\n")
    found = find_scenes(root)
    assert {scene.name: scene.split for scene in found.scenes} == {"a": "train", "b": "val"}
    assert found.unpaired == ()
    assert "1 image without mask, in no list, left alone, e.g. JPEGImages/c.jpg" in found.notes
