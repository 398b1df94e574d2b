"""The label contract: each finding, its default and its option; and where the classes come from."""

from pathlib import Path

import numpy as np
import pytest

from terrazzo.classes.palettes import DUBAI
from terrazzo.classes.schema import IGNORE
from terrazzo.errors import ClassTableError, InputError
from terrazzo.pixels.masks import NEAREST_DISTANCE
from terrazzo.scenes.contract.check import Checked, check, read_label
from terrazzo.scenes.contract.findings import Finding
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.detect import find_scenes
from tests.worlds.handmade import (
    BLACK,
    MAGENTA,
    bands_of_classes,
    color_mask,
    encoded,
    flat_set,
    photo,
    tile_set,
    write,
)

GOOD = color_mask(40, 60)
IDS = bands_of_classes(40, 60)


def checked(root: Path, least_side: int = 32, **options: object) -> Checked:
    return check(root, find_scenes(root), LabelOptions(**options), least_side)


def findings(result: Checked, *severities: str) -> list[Finding]:
    return [finding for finding in result.report.findings if finding.severity in severities]


def only(result: Checked) -> Finding:
    (finding,) = result.report.findings
    return finding


def with_block(color: tuple[int, int, int], size: int = 2) -> np.ndarray:
    """The good mask with a block of a colour at row 7, col 31."""
    mask = GOOD.copy()
    mask[7 : 7 + size, 31 : 31 + size] = color
    return mask


# --- a good data set


def test_tiles_of_the_dubai_kind_need_no_option(tmp_path: Path) -> None:
    result = checked(tile_set(tmp_path / "set"))
    assert result.report.refusal is None
    assert result.layout == "humans-in-the-loop"
    assert result.schema == DUBAI
    first = result.scenes[0]
    assert (first.scene.name, first.height, first.width) == ("Tile 1/image_part_001", 40, 60)
    assert result.report.class_pixels == (2400,) * 6
    assert result.report.findings == ()
    assert result.report.notes == (
        "the data's own classes.json is not used: 0 of its 1 colours occur, on 0.0% of the pixels",
        "the data's own classes.json: not in the masks: #50E3C2",
        "classes: the masks match the known palette 'dubai' (6 of 6 classes occur, 100.00% of the pixels)",
    )


def test_read_label_gives_the_ids_that_were_judged(tmp_path: Path) -> None:
    result = checked(tile_set(tmp_path / "set"), ignore_class=("Road",))
    expected = np.array([0, 1, IGNORE, 2, 3, 4], np.uint8)[IDS]
    assert np.array_equal(read_label(result.scenes[0].scene, result.schema), expected)
    assert result.schema.names == ("Building", "Land (unpaved area)", "Vegetation", "Water", "Unlabeled")
    assert result.report.ignored_pixels == 2400
    assert (
        "ignored: 2400 pixels (16.67%) of #6EC1E4, Road, in 6 files, e.g. Tile 1/masks/image_part_001.png"
        in result.report.notes
    )


def test_progress_counts_up_to_all_scenes(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    root = tile_set(tmp_path / "set")
    check(root, find_scenes(root), LabelOptions(), progress=lambda *step: seen.append(step))
    assert seen == [("reading images and masks", done, 6) for done in range(7)]


def test_black_is_void_where_the_source_knows_it(tmp_path: Path) -> None:
    root = tile_set(tmp_path / "set", tiles=(1,))
    write(root / "Tile 1/masks/image_part_002.png", with_block(BLACK))
    result = checked(root)
    assert result.report.refusal is None
    assert only(result) == Finding(
        "void",
        "note",
        str(root / "Tile 1/masks/image_part_002.png"),
        "4 pixels of #000000 mean no class: ignored",
        4,
        (7, 31),
    )
    assert result.report.ignored_pixels == 4
    ignored = "ignored: 4 pixels (0.08%) of #000000, in 1 file, e.g. Tile 1/masks/image_part_002.png"
    assert [line for line in result.report.lines() if "#000000" in line] == [ignored]  # not once more, file by file


# --- the table of findings


def test_missing_partners(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": GOOD, "b": GOOD, "c": GOOD})
    (root / "masks/b.png").unlink()
    (root / "images/c.png").unlink()
    result = checked(root)
    assert [(f.kind, f.severity, f.file) for f in result.report.findings] == [
        ("unpaired", "refuse", str(root / "images/b.png")),
        ("unpaired", "refuse", str(root / "masks/c.png")),
    ]
    assert result.report.refusal == (
        f"{root / 'images/b.png'}: image without mask: there is no masks/b.* (and 1 more finding); "
        "complete the pairs, or leave such files out with --unpaired skip"
    )
    skipped = checked(root, unpaired="skip")
    assert skipped.report.refusal is None
    assert [s.scene.name for s in skipped.scenes] == ["a"]
    assert "left out: 2 files without a partner (--unpaired skip)" in skipped.report.notes


BAD_MASKS = {
    "size": (color_mask(40, 59), "size", "is 59x40 pixels, its image 60x40"),
    "empty": (b"", "unreadable", "is empty (0 bytes)"),
    "truncated": (encoded(GOOD)[:100], "unreadable", "is truncated or damaged"),
    "text": (b"hello", "unreadable", "is not an image that can be read"),
    "ids among colours": (IDS, "mixed", "holds ids where most masks hold colours"),
}


@pytest.mark.parametrize(("mask", "kind", "words"), BAD_MASKS.values(), ids=BAD_MASKS.keys())
def test_bad_masks(tmp_path: Path, mask: np.ndarray | bytes, kind: str, words: str) -> None:
    masks = {"a": GOOD, "b": mask, "c": GOOD}
    root = flat_set(tmp_path / "set", masks, {"b": encoded(photo(40, 60, 9))})
    result = checked(root)
    (finding,) = findings(result, "refuse")
    assert (finding.kind, finding.file) == (kind, str(root / "masks/b.png"))
    assert result.report.refusal is not None
    assert words in finding.detail
    assert "--bad skip" in result.report.refusal
    skipped = checked(root, bad="skip")
    assert skipped.report.refusal is None
    assert [s.scene.name for s in skipped.scenes] == ["a", "c"]
    assert "left out: the scenes of 1 file that cannot be used (--bad skip)" in skipped.report.notes


@pytest.mark.parametrize("image", [b"", b"hello", encoded(photo(40, 60), "JPEG")[:300], encoded(IDS.astype(np.uint16))])
def test_bad_images(tmp_path: Path, image: bytes) -> None:
    root = flat_set(tmp_path / "set", {"a": GOOD, "b": GOOD}, {"b": image})
    result = checked(root)
    assert [(f.kind, f.file) for f in findings(result, "refuse")] == [("unreadable", str(root / "images/b.png"))]
    assert [s.scene.name for s in checked(root, bad="skip").scenes] == ["a"]


def test_where_both_files_are_bad_both_are_told(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": GOOD, "b": b"x"}, {"b": b"y"})
    assert [f.file for f in checked(root).report.findings] == [str(root / "images/b.png"), str(root / "masks/b.png")]


def test_a_color_in_no_class(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": GOOD, "b": with_block(MAGENTA)})
    result = checked(root)
    assert only(result) == Finding(
        "unknown", "refuse", str(root / "masks/b.png"), "4 pixels of #FF00FF in no class", 4, (7, 31)
    )
    assert result.report.refusal == (
        f"{root / 'masks/b.png'}: 4 pixels of #FF00FF in no class, e.g. row 7, col 31; add the colour to the class "
        "table (--classes FILE with name,color, or id,name for ids), or use --unknown ignore or --unknown nearest"
    )
    ignored = checked(root, unknown="ignore")
    assert ignored.report.refusal is None
    assert ignored.report.ignored_pixels == 4
    assert "ignored: 4 pixels (0.08%) of colours in no class" in ignored.report.notes
    assert (read_label(ignored.scenes[1].scene, ignored.schema, "ignore")[7:9, 31:33] == IGNORE).all()
    far = checked(root, unknown="nearest")
    assert far.report.refusal is not None
    assert f"farther than {NEAREST_DISTANCE:g} from every one" in far.report.refusal


def test_nearest_reports_its_share(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": GOOD, "b": with_block((64, 20, 150))})
    result = checked(root, unknown="nearest")
    assert result.report.refusal is None
    assert only(result).detail == "4 pixels (0.17%) of #401496 taken for the nearest class"
    assert (
        f"nearest: 4 pixels (0.08%) taken for the nearest class, at most {NEAREST_DISTANCE:g} away in RGB"
        in result.report.notes
    )
    assert (read_label(result.scenes[1].scene, result.schema, "nearest")[7:9, 31:33] == 0).all()


def test_ids_out_of_range(tmp_path: Path) -> None:
    table = write(tmp_path / "classes.csv", b"name,color\na,#010000\nb,#020000\nc,#030000\n")
    good, bad = IDS % 3, IDS % 3
    bad[30, 50:53], good[0, 0] = 7, IGNORE
    root = flat_set(tmp_path / "set", {"a": good, "b": bad})
    result = checked(root, classes=table)
    (finding,) = findings(result, "refuse")
    assert (finding.kind, finding.count, finding.example) == ("id-range", 3, (30, 50))
    assert finding.detail == "3 pixels of id 7 out of range, which is 0..2 and 255"
    skipped = checked(root, classes=table, bad="skip")
    assert skipped.report.refusal is None
    assert [s.scene.name for s in skipped.scenes] == ["a"]
    assert skipped.report.ignored_pixels == 1


def test_small_images_duplicates_and_absent_classes_are_warned_of(tmp_path: Path) -> None:
    same = encoded(photo(40, 60, 77))
    masks = {"a": GOOD, "b": GOOD, "c": color_mask(31, 60)}
    root = flat_set(tmp_path / "set", masks, {"a": same, "b": same})
    for name in masks:
        mask = masks[name].copy()
        mask[IDS[: len(mask)] == 4] = DUBAI.colors[1]  # no Water
        write(root / f"masks/{name}.png", mask)
    result = checked(root)
    assert result.report.refusal is None
    assert [(f.kind, f.severity, f.file, f.detail) for f in result.report.findings] == [
        ("duplicate", "warn", str(root / "images/b.png"), f"is the same picture as {root / 'images/a.png'}"),
        ("small", "warn", str(root / "images/c.png"), "is 60x31 pixels, smaller than a patch of 32: gives no patch"),
        ("absent", "warn", str(root), "the class Water never occurs"),
    ]
    assert [f.kind for f in checked(root, least_side=1).report.findings] == ["duplicate", "absent"]
    assert result.scenes[0].pixel_hash == result.scenes[1].pixel_hash != result.scenes[2].pixel_hash


def test_where_no_patch_can_be_cut_it_refuses(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": GOOD, "b": GOOD})
    refusal = checked(root, least_side=64).report.refusal
    assert refusal == (
        f"{root}: all 2 images are smaller than a patch of 64 pixels; "
        "choose a smaller --patch-size, or --fit pad or resize"
    )
    assert checked(root, least_side=1).report.refusal is None


def test_where_nothing_is_left_it_refuses(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": b"x", "b": b""})
    assert findings(checked(root, bad="skip"), "refuse")[0].detail == "none of its 2 scenes can be used"
    assert findings(checked(root), "refuse")[0].file == str(root / "masks/a.png")
    (root / "masks/a.png").rename(root / "masks/c.png")
    (root / "masks/b.png").rename(root / "masks/d.png")
    assert len(findings(checked(root), "refuse")) == 4
    assert findings(checked(root, unpaired="skip"), "refuse")[0].kind == "nothing-left"


def test_findings_are_in_file_order_and_the_first_offender_is_named(tmp_path: Path) -> None:
    masks = {f"m{n}": with_block(MAGENTA) if n in (2, 10) else GOOD for n in (1, 2, 3, 10)}
    root = flat_set(tmp_path / "set", masks)
    result = checked(root)
    assert [Path(f.file).name for f in result.report.findings] == ["m2.png", "m10.png"]
    assert str(result.report.refusal).startswith(f"{root / 'masks/m2.png'}: 4 pixels")


def test_a_warning_of_many_files_stands_once(tmp_path: Path) -> None:
    masks = {**dict.fromkeys(("a", "b", "c"), GOOD), **dict.fromkeys("uvwxyz", IDS)}
    root = flat_set(tmp_path / "set", {**masks, **{f"d{i}": GOOD for i in range(4)}})
    report = checked(root, bad="skip").report
    assert len([finding for finding in report.findings if finding.kind == "mixed"]) == 6
    (line,) = [line for line in report.lines() if line.startswith("warn: masks")]
    shown = "masks/u.png, masks/v.png, masks/w.png, masks/x.png and 2 more"
    assert line == f"warn: {shown}: holds ids where most masks hold colours: left out"


def test_the_report_as_text_and_as_json(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": with_block(MAGENTA)})
    report = checked(root).report
    assert report.lines()[-1] == f"refuse: {Path('masks/a.png')}: 4 pixels of #FF00FF in no class, e.g. row 7, col 31"
    value = report.to_dict()
    assert value["findings"] == [
        {
            "kind": "unknown",
            "severity": "refuse",
            "file": str(root / "masks/a.png"),
            "count": 4,
            "example": [7, 31],
            "detail": "4 pixels of #FF00FF in no class",
        }
    ]
    assert value["refusal"] == report.refusal
    assert value["classes"][0] == {"id": 0, "name": "Building", "color": "#3C1098", "pixels": 400, "share": 400 / 2396}


# --- where the classes come from

SWAPPED = (
    b'[{"name": "low", "color": "#FEDD3A"}, {"name": "water", "color": "#E2A929"}, {"name": "x", "color": "#000007"}]'
)


def test_a_given_table_comes_first(tmp_path: Path) -> None:
    names = [f"class {i}" for i in range(6)]
    rows = [f"{name},{','.join(map(str, color))}" for name, color in zip(names, DUBAI.colors[::-1], strict=True)]
    table = write(tmp_path / "mine.csv", "\n".join(["name,r,g,b", *rows]).encode())
    result = checked(tile_set(tmp_path / "set"), classes=table)
    assert result.schema.names == tuple(names)
    assert result.schema.void_colors == (BLACK,)  # known to the layout, whatever the table
    assert result.report.notes == (f"classes: 6 from --classes {table}",)
    assert np.array_equal(read_label(result.scenes[0].scene, result.schema), 5 - IDS)


def test_a_table_in_the_data_is_used_where_it_agrees(tmp_path: Path) -> None:
    two = np.where(IDS[..., None] < 2, np.array(DUBAI.colors[3]), np.array(DUBAI.colors[4])).astype(np.uint8)
    root = flat_set(tmp_path / "set", {"a": two})
    write(root / "classes.json", SWAPPED)
    result = checked(root)
    assert result.schema.names == ("low", "water", "x")
    assert result.report.notes == ("classes: 3 from the data's own classes.json",)
    assert [f.detail for f in result.report.findings] == ["the class x never occurs"]
    write(root / "masks/a.png", GOOD)  # of which a third has the table's colours
    assert checked(root).schema == DUBAI
    assert (
        checked(root)
        .report.notes[0]
        .startswith("the data's own classes.json is not used: 2 of its 3 colours occur, on 33.3%")
    )


def test_a_broken_table_in_the_data_is_said_and_not_used(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": GOOD})
    write(root / "classes.json", b"{")
    result = checked(root)
    assert result.schema == DUBAI
    assert result.report.notes[0].startswith("the data's own table is not used: classes.json: not valid JSON")


def test_unknown_palettes_are_refused_with_their_colors_and_shares(tmp_path: Path) -> None:
    mask = np.full((40, 60, 3), (10, 20, 30), np.uint8)
    mask[:10] = (200, 1, 2)
    root = flat_set(tmp_path / "set", {"a": mask})
    with pytest.raises(ClassTableError, match=r"2 colours match no known palette: #0A141E 75\.0%, #C80102 25\.0%") as e:
        checked(root)
    assert "--write-classes classes.csv" in str(e.value)
    assert "\n" not in str(e.value)


def test_ids_without_a_table_are_refused_with_their_shares(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": (IDS % 2).astype(np.uint8)})
    with pytest.raises(ClassTableError, match=r"2 ids need a table of classes: id 0 50\.0%, id 1 50\.0%"):
        checked(root)
    write(root / "classes.csv", b"name;r;g;b\nfield;1;1;0\nwood;2;2;0\n")
    assert checked(root).report.class_pixels == (1200, 1200)


def test_ignored_classes_of_id_masks_close_up_too(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": IDS})
    rows = "".join(f"{name},{i},0,0\n" for i, name in enumerate("abcdef"))
    write(root / "classes.csv", f"name,r,g,b\n{rows}".encode())
    result = checked(root, ignore_class=("a", "d"))
    assert result.schema.names == ("b", "c", "e", "f")
    expected = np.array([IGNORE, 0, 1, IGNORE, 2, 3], np.uint8)[IDS]
    assert np.array_equal(read_label(result.scenes[0].scene, result.schema), expected)
    assert result.report.class_pixels == (400,) * 4
    assert "ignored: 400 pixels (16.67%) of id 0, a, in 1 file, e.g. masks/a.png" in result.report.notes


def test_jpeg_masks_are_understood_with_nearest_and_the_refusal_says_so(tmp_path: Path) -> None:
    masks = {name: encoded(color_mask(96, 180), "JPEG", quality=85) for name in "ab"}
    root = flat_set(tmp_path / "set", masks, {name: encoded(photo(96, 180, i)) for i, name in enumerate("ab")})
    with pytest.raises(ClassTableError, match="with --unknown nearest they match the known palette 'dubai'"):
        checked(root)
    result = checked(root, unknown="nearest")
    assert result.report.refusal is None
    assert result.schema == DUBAI
    truth = bands_of_classes(96, 180)
    assert (read_label(result.scenes[0].scene, result.schema, "nearest") == truth).mean() > 0.97


# --- options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unknown": "maybe"}, "--unknown maybe: no such choice; choose one of error, ignore, nearest"),
        ({"unpaired": "ignore"}, "--unpaired ignore: no such choice; choose one of error, skip"),
        ({"bad": ""}, "--bad : no such choice; choose one of error, skip"),
        ({"layout": "pascal"}, "--layout pascal: no such layout"),
    ],
)
def test_nonsense_options_are_refused_with_the_choices(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught:
        LabelOptions(**options)
    assert str(caught.value).startswith(words)


def test_an_unknown_class_to_ignore_is_refused_with_the_names(tmp_path: Path) -> None:
    with pytest.raises(ClassTableError, match="--ignore-class 'Sea': no such class; there are Building, Land"):
        checked(tile_set(tmp_path / "set"), ignore_class=("Sea",))


# --- the real data


@pytest.mark.real
def test_the_dubai_set_as_it_is(dubai: Path) -> None:
    result = check(dubai, find_scenes(dubai), LabelOptions())
    assert result.report.refusal is None
    assert result.schema == DUBAI
    assert len(result.scenes) == 54
    assert {f.kind for f in result.report.findings} == {"void"}
    assert sum(f.count for f in result.report.findings) == result.report.ignored_pixels == 550_987
    assert "1 of its 6 colours occur" in result.report.notes[0]
    patches = sum((s.height // 256) * (s.width // 256) for s in result.scenes)
    assert patches == 1188
