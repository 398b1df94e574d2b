"""Known palettes: taken where they are sure, asked for by name, and never lent to another table."""

from pathlib import Path

import numpy as np
import pytest

from terrazzo.classes.palettes import CAMVID, ISPRS, UAVID
from terrazzo.classes.schema import Color
from terrazzo.cli import run
from terrazzo.errors import ClassTableError, InputError
from terrazzo.scenes.contract.check import Checked, check
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.detect import find_scenes
from tests.worlds.handmade import bands_of_classes, encoded, flat_set, photo, tile_set, write

BLACK, RED, MAROON = (0, 0, 0), (255, 0, 0), (128, 0, 0)


def painted(*colors: Color) -> np.ndarray:
    """A mask (40, 60, 3): bands of these colours of equal width."""
    return np.array(colors, np.uint8)[np.arange(60) * len(colors) // 60][None].repeat(40, axis=0)


def checked(root: Path, mask: np.ndarray, **options: object) -> Checked:
    flat_set(root, {"a": mask})
    return check(root, find_scenes(root), LabelOptions(**options), 32)


@pytest.mark.parametrize("colors", [(BLACK, RED), (BLACK, MAROON), (BLACK, *CAMVID.colors[1:3])])
def test_two_colours_are_refused_with_the_way_to_a_table_and_to_a_palette(
    colors: tuple[Color, ...], tmp_path: Path
) -> None:
    with pytest.raises(ClassTableError, match="match no known palette for sure: #000000") as caught:
        checked(tmp_path, painted(*colors))
    text = str(caught.value)
    assert "too few to tell a known palette" in text
    assert "--palette NAME takes one" in text
    assert "--write-classes classes.csv" in text
    assert "id,name for masks of ids, or name,color" in text


def test_a_palette_may_be_asked_for(tmp_path: Path) -> None:
    result = checked(tmp_path, painted(BLACK, RED), palette="semantic-drone")
    assert result.report.refusal is None
    assert result.schema.names[23] == "conflicting"
    assert result.report.class_pixels[23] == 1200
    told = "classes: those of --palette semantic-drone (2 of 24 classes occur, 100.00% of the pixels)"
    assert told in result.report.notes
    strange = checked(tmp_path / "other", painted(BLACK, RED, (1, 2, 3)), palette="isprs")
    assert "#010203 in no class" in str(strange.report.refusal)
    assert strange.schema.void_colors == (BLACK,)


def test_black_and_white_are_colours_where_a_palette_is_asked_for(tmp_path: Path) -> None:
    result = checked(tmp_path, painted(BLACK, (255, 255, 255)), palette="isprs")
    assert (result.report.class_pixels[0], result.report.ignored_pixels) == (1200, 1200)


def test_uavid_and_camvid_are_told_apart_or_asked_for(tmp_path: Path) -> None:
    building, road, _, _, low, _, moving, clutter = UAVID.colors
    with pytest.raises(ClassTableError, match="the known palettes 'camvid', 'uavid' have them alike"):
        checked(tmp_path / "few", painted(building, road, low, moving, clutter))
    asked = checked(tmp_path / "few", painted(building, road, low, moving, clutter), palette="uavid")
    pixels = dict(zip(asked.schema.names, asked.report.class_pixels, strict=True))
    assert (pixels["Low vegetation"], pixels["Tree"]) == (480, 0)
    assert checked(tmp_path / "all", painted(*UAVID.colors)).schema == UAVID


def test_a_chance_palette_lends_no_void_colour(tmp_path: Path) -> None:
    table = write(tmp_path / "mine.csv", b"name,color\nroof,#FF0000\ntree,#00FF00\nwater,#0000FF\n")
    result = checked(tmp_path / "set", painted(BLACK, RED, (0, 255, 0), (0, 0, 255)), classes=table)
    assert "#000000 in no class" in str(result.report.refusal)
    assert result.schema.void_colors == ()


def test_the_void_colour_counts_with_all_colours_of_its_palette(tmp_path: Path) -> None:
    rows = "".join(f"mine {i},{' '.join(map(str, color))}\n" for i, color in enumerate(ISPRS.colors))
    table = write(tmp_path / "mine.csv", f"name,color\n{rows}".encode())
    result = checked(tmp_path / "set", painted(BLACK, *ISPRS.colors[:5]), classes=table)
    assert result.report.refusal is None
    assert result.report.ignored_pixels == 400


def test_a_palette_that_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--palette paris: no such palette; choose one of dubai, synthetic, isprs"):
        LabelOptions(palette="paris")
    with pytest.raises(InputError, match=r"--palette dubai: --classes a\.csv names the classes; leave one out"):
        LabelOptions(palette="dubai", classes=Path("a.csv"))
    with pytest.raises(ClassTableError, match="--palette dubai: the masks hold ids, not colours; give a table"):
        checked(tmp_path, bands_of_classes(40, 60), palette="dubai")


def test_prepare_and_inspect_take_the_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tile_set(tmp_path / "set")
    for command in (["inspect"], ["prepare", "--out", str(tmp_path / "out"), "--split", "image"]):
        assert run([command[0], str(root), *command[1:], "--palette", "dubai", "--patch-size", "32"]) == 0
        assert "those of --palette dubai" in "".join(capsys.readouterr())


def test_the_first_table_that_agrees_is_used_and_those_before_it_are_told(tmp_path: Path) -> None:
    root = flat_set(tmp_path, {"a": painted((9, 9, 200), (200, 9, 9))})
    write(root / "classes.json", b'{"lake": "#111111"}')
    write(root / "labelmap.txt", b"# label:color_rgb:parts:actions\nwater:9,9,200::\nroof:200,9,9::\n")
    result = check(root, find_scenes(root), LabelOptions(), 32)
    assert result.schema.names == ("water", "roof")
    assert result.report.notes[0].startswith("the data's own classes.json is not used: 0 of its 1 colours occur")
    assert "classes: 2 from the data's own labelmap.txt" in result.report.notes


def test_tables_of_a_split_that_differ_are_not_used(tmp_path: Path) -> None:
    for side, rows in (("train", "0, ground\n1, roof\n"), ("valid", "0, roof\n1, ground\n")):
        write(tmp_path / side / "a_mask.png", bands_of_classes(40, 60) % 2)
        write(tmp_path / side / "a.jpg", encoded(photo(40, 60, len(side)), "JPEG"))
        write(tmp_path / side / "_classes.csv", f"Pixel Value, Class\n{rows}".encode())
    with pytest.raises(ClassTableError, match=r"train/_classes\.csv is not used: valid/_classes\.csv differs; give"):
        check(tmp_path, find_scenes(tmp_path), LabelOptions(), 32)
    write(tmp_path / "valid" / "_classes.csv", (tmp_path / "train" / "_classes.csv").read_bytes())
    assert check(tmp_path, find_scenes(tmp_path), LabelOptions(), 32).schema.names == ("ground", "roof")
