"""Which patches are the worst, and what was taken for what in them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

import terrazzo
from terrazzo.classes.confusion import class_counts
from terrazzo.evaluation.patchwise.worst import costliest, enough_valid, lowest, worst_rows
from terrazzo.evaluation.report_folder import WORST_FIELDS
from terrazzo.evaluation.request import Inputs, Request
from terrazzo.patches.folder import open_patches
from tests.worlds.deep import fields, write_labels
from tests.worlds.handmade import color_mask, photo, write
from tests.worlds.rasters import noise, write_raster

if TYPE_CHECKING:
    from terrazzo.model.header import Header


def test_the_costliest_confusion_is_the_largest_cell_off_the_diagonal() -> None:
    matrices = np.array(
        [
            [[9, 1, 0], [0, 8, 5], [2, 0, 7]],  # Green called Blue, 5 pixels
            [[3, 0, 0], [0, 0, 0], [0, 0, 4]],  # nothing wrong
            [[0, 2, 0], [0, 0, 0], [2, 0, 9]],  # two of 2 pixels: the first
        ]
    )
    assert costliest(matrices).tolist() == [[1, 2, 5], [0, 0, 0], [0, 1, 2]]


def test_patches_with_few_valid_pixels_are_left_out_and_the_lowest_come_first() -> None:
    """Valid pixels 20, 20, 4, 0 and 5: a quarter of 20 is 5. Accuracies 0.9, 0.5, -, -, 0.2."""
    right, valid = [18, 10, 0, 0, 1], [20, 20, 4, 0, 5]
    matrices = np.array([[[a, n - a], [0, 0]] for a, n in zip(right, valid, strict=True)])
    counts = class_counts(matrices)
    assert enough_valid(counts).tolist() == [0, 1, 4]
    assert lowest(counts, 2).tolist() == [4, 1]
    assert lowest(counts, 9).tolist() == [4, 1, 0]


def rows_of(folder: Path, **options: object) -> list[dict[str, Any]]:
    """Of every training patch one pixel less is right than of the one before; Meadow is called Town."""
    patches = terrazzo.prepare(folder / "images", folder / "labels", out=folder / "p", patch_size=32, **options).patches  # type: ignore[arg-type]
    rows = patches.rows("train")
    confusion = np.zeros((len(rows), 3, 3), np.int64)
    confusion[:, 0, 0], confusion[:, 1, 2] = 100 - np.arange(len(rows)), np.arange(len(rows))
    inputs = Inputs(Request(folder, folder, "train"), cast("Header", None), patches, rows)
    return worst_rows(inputs, class_counts(confusion), costliest(confusion))


def scene(folder: Path) -> Path:
    """A raster of 128 x 160 px of 0.5 m at (500 000, 4 000 000), and its labels."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    write_raster(folder / "images" / "a.tif", noise(3, 128, 160))
    write_labels(folder / "labels" / "a.tif", fields(128, 160))
    return folder


def test_a_row_has_the_place_in_the_raster_and_on_the_ground(tmp_path: Path) -> None:
    rows = rows_of(scene(tmp_path))
    patches = open_patches(tmp_path / "p")
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    first = rows[0]
    assert list(first) == list(WORST_FIELDS)
    assert first["patch"] == patches.rows("train")[-1]  # with the most wrong pixels
    assert (first["truth"], first["predicted"], first["confused_px"]) == (
        "Meadow",
        "Town",
        len(patches.rows("train")) - 1,
    )
    row, col = patches.corners[first["patch"]].tolist()
    assert (first["row"], first["col"], first["crs"]) == (row, col, "EPSG:32618")
    assert (first["x"], first["y"]) == (500_000 + 0.5 * (col + 16), 4_000_000 - 0.5 * (row + 16))
    assert len(rows) == min(20, len(patches.rows("train")) - 1)  # the one without an error is not listed


def test_rows_and_columns_are_those_of_the_source_where_it_was_resampled(tmp_path: Path) -> None:
    """At 1 m a pixel is two of the raster's a side; the coordinates stay."""
    rows = rows_of(scene(tmp_path), gsd=1.0, split="patch")
    row, col = open_patches(tmp_path / "p").corners[rows[0]["patch"]].tolist()
    assert (rows[0]["row"], rows[0]["col"]) == (2 * row, 2 * col)
    assert rows[0]["x"] == pytest.approx(500_000 + (col + 16), abs=0.1)
    assert rows[0]["y"] == pytest.approx(4_000_000 - (row + 16), abs=0.1)


def test_photos_without_coordinates_have_none_and_pixels_at_their_full_size(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "images" / f"{name}.png", photo(140, 200, ord(name)))
        write(tmp_path / "labels" / f"{name}.png", color_mask(140, 200))
    rows = rows_of(tmp_path, split="patch", downsample=2.0)
    row, col = open_patches(tmp_path / "p").corners[rows[0]["patch"]].tolist()
    assert (rows[0]["row"], rows[0]["col"]) == (2 * row, 2 * col)
    assert rows[0]["x"] is rows[0]["y"] is rows[0]["crs"] is None
