"""Folders of rasters paired by name, as tools and data sets name them."""

from pathlib import Path

import pytest

from terrazzo.errors import InputError
from terrazzo.pixels.rasters.stacks.pairing import Stacks, stacks_of
from terrazzo.pixels.rasters.stacks.spec import stack_spec


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(folder: Path, words: str = "rgb={0}/rgb,dsm={0}/dsm", out: Path | None = None) -> Stacks:
    spec = stack_spec(words.format(folder))
    assert spec is not None
    return stacks_of(spec, out)


def pairs(stacks: Stacks) -> list[tuple[str, ...]]:
    return [(str(name), *(path.name for _, path in stack.parts)) for name, stack in stacks.found]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.tif", "a.tif"),
        ("a.tif", "a.tiff"),
        ("tile_7_rgb.tif", "tile_7_dsm.tif"),
        ("rgb_tile_7.tif", "dsm_tile_7.tif"),
        ("tile-7.tif", "tile-7-DSM.tif"),
        ("top_potsdam_2_10_RGB.tif", "dsm_potsdam_02_10.tif"),  # ISPRS Potsdam
        ("dop10rgbi_32_400_5600.tif", "dop10rgbi_32_400_5600_height.tif"),
        ("north/a_ortho.tif", "north/a_ndsm.tif"),
    ],
)
def test_names_go_together_but_for_words_of_what_is_shown(tmp_path: Path, first: str, second: str) -> None:
    touch(tmp_path / "rgb", first, "other_1.tif")
    touch(tmp_path / "dsm", second, "other_1_dsm.tif")
    stacks = found(tmp_path)
    assert sorted(pairs(stacks)) == sorted(
        [(first, Path(first).name, Path(second).name), ("other_1.tif", "other_1.tif", "other_1_dsm.tif")]
    )
    assert stacks.missing == stacks.surplus == ()


def test_names_that_fit_several_or_lie_in_other_folders_are_not_paired(tmp_path: Path) -> None:
    touch(tmp_path / "rgb", "a_rgb.tif", "b.tif", "c/d.tif", "rgb.tif")
    touch(tmp_path / "dsm", "a_dsm.tif", "a_ndsm.tif", "e/d.tif", "dsm.tif", "notes.txt", ".b.tif")
    stacks = found(tmp_path)
    assert stacks.found == ()
    assert [path.name for path in stacks.missing] == ["a_rgb.tif", "b.tif", "d.tif", "rgb.tif"]
    assert [path.name for path in stacks.surplus] == ["a_dsm.tif", "a_ndsm.tif", "dsm.tif", "d.tif"]


def test_one_file_beside_a_folder_is_a_part_of_every_stack(tmp_path: Path) -> None:
    touch(tmp_path, "rgb/a.tif", "rgb/b.tif", "town.tif")
    stacks = found(tmp_path, "rgb={0}/rgb,dsm={0}/town.tif")
    assert pairs(stacks) == [("a.tif", "a.tif", "town.tif"), ("b.tif", "b.tif", "town.tif")]


def test_patterns_are_folders_and_what_was_written_there_does_not_count(tmp_path: Path) -> None:
    touch(tmp_path, "rgb/a.tif", "rgb/b.tif", "dsm/a.tif", "rgb/maps/a/classes.tif")
    stacks = found(tmp_path, "rgb={0}/rgb,dsm={0}/dsm", out=tmp_path / "rgb" / "maps")
    assert (pairs(stacks), [path.name for path in stacks.missing]) == ([("a.tif", "a.tif", "a.tif")], ["b.tif"])
    assert pairs(found(tmp_path, "rgb={0}/rgb/a*.tif,dsm={0}/dsm/*.tif")) == [("a.tif", "a.tif", "a.tif")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("rgb={0}/town.tif,dsm={0}/dsm", "names one file first and folders after it; begin with a folder"),
        ("rgb={0}/dsm,dsm={0}/empty", "empty: holds no rasters; expected .tif"),
    ],
)
def test_folders_that_give_no_stack_are_refused(tmp_path: Path, words: str, message: str) -> None:
    touch(tmp_path, "town.tif", "dsm/a.tif", "empty/notes.txt")
    with pytest.raises(InputError, match=message):
        found(tmp_path, words)
