"""The table that is drafted from masks: every frequent value is in it, and it is read back as it was meant."""

from pathlib import Path

import numpy as np
import pytest

from terrazzo.classes.tables import read_table
from terrazzo.inspection import inspect
from terrazzo.scenes.contract.census import Census
from terrazzo.scenes.contract.class_drafts import draft_classes
from tests.worlds.handmade import bands_of_classes, flat_set, write


def ids(**pixels: int) -> Census:
    """A census of ids, most frequent first: `ids(v0=1600, v255=800)`."""
    counts = {int(name[1:]): n for name, n in pixels.items()}
    return Census(False, dict(sorted(counts.items(), key=lambda entry: -entry[1])))


def test_255_stands_in_the_draft_as_no_class() -> None:
    table, left_out = draft_classes(ids(v0=1600, v1=60, v2=20, v255=800), None)
    assert (table.schema.names, table.values) == (("class_0", "class_1", "class_2"), (0, 1, 2))
    assert (table.ignored, left_out) == ((("ignore", 255),), 0)


def test_0_and_255_with_greys_between_are_two_classes() -> None:
    table, left_out = draft_classes(ids(v0=1500, v3=20, v90=30, v128=15, v250=25, v255=800), None)
    assert (table.schema.names, table.values, left_out) == (("background", "foreground"), (0, 255), 4)


def test_the_most_frequent_of_too_many_ids_are_kept() -> None:
    census = Census(False, {value: 1000 - i for i, value in enumerate(range(600, 300, -1))})
    table, left_out = draft_classes(census, None)
    assert table.values == tuple(range(600 - 254, 601))
    assert left_out == 300 - 255


@pytest.mark.parametrize("unknown", ["nearest", "ignore"])
def test_the_draft_of_masks_with_grey_edges_holds_no_grey(unknown: str, tmp_path: Path) -> None:
    values = np.array([0] * 55 + [5, 120, 200] + [255] * 2, np.uint8)
    root = flat_set(tmp_path / "set", {"a": np.broadcast_to(np.repeat(values, 1), (40, 60))})
    given = write(tmp_path / "given.csv", b"name,color\nroad,#FFFFFF\nbackground,#000000\n")
    for number, options in enumerate(({}, {"classes": given})):
        table = tmp_path / f"{number}.csv"
        inspect(root, patch_size=32, unknown=unknown, write_classes=table, **options)
        written = read_table(table)
        assert (sorted(written.values), written.ignored) == ([0, 255], ())
        assert inspect(root, patch_size=32, unknown=unknown, classes=table).refusal is None


def test_merged_classes_stay_merged(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": bands_of_classes(40, 60) % 3})
    given = write(tmp_path / "given.csv", b"id,name\n0,ground\n1,roof\n2,roof\n")
    table = tmp_path / "classes.csv"
    inspect(root, patch_size=32, classes=given, write_classes=table)
    assert [line.rsplit(",", 1)[0] for line in table.read_text(encoding="utf-8").splitlines()] == [
        *("id,name", "0,ground", "1,roof", "2,roof"),
    ]
    assert read_table(table).also == ((2, 1),)


def test_many_greys_are_shown_as_ranges(tmp_path: Path) -> None:
    values = np.array([0] * 50 + [5, 120, 200] + [255] * 7, np.uint8)
    root = flat_set(tmp_path / "set", {"a": np.broadcast_to(values, (40, 60))})
    lines = inspect(root, patch_size=32, unknown="nearest").lines()
    at = lines.index("values in the masks: value -> id, name")
    assert lines[at + 1 : at + 3] == ["  0..127 ->   0  background", "  128..255 ->   1  foreground"]
    left = inspect(root, patch_size=32, unknown="ignore").lines()
    assert "ignored: 120 pixels (5.00%) of id 5" not in left
