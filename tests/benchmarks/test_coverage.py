"""How often intervals of areas hold the truth, on a small map."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.coverage import COMMON, coverage, main, population, table
from numpy.typing import NDArray

from terrazzo.errors import InputError
from tests.worlds.sampled_maps import NAMES, write_map


def town(height: int = 300, width: int = 400) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A map and its truth: shares of 3, 27 and 70 %, of which the map has four of five pixels right."""
    rng = np.random.default_rng(0)
    truth = rng.choice(3, (height, width), p=(0.03, 0.27, 0.7)).astype(np.uint8)
    wrong = rng.random(truth.shape) < 0.2
    mapped = np.where(wrong, rng.choice(3, truth.shape, p=(0.03, 0.27, 0.7)), truth).astype(np.uint8)
    return mapped, truth


def test_intervals_hold_the_true_area_of_common_classes_in_90_of_100_draws() -> None:
    mapped, truth = town()
    found = coverage(mapped.ravel(), truth.ravel(), NAMES)
    for row in found:
        assert row.is_common
        assert row.covered >= 0.9, row
        assert abs(row.estimated - row.true) < row.half_width / 3, "the estimate is unbiased, the map is not"


def test_the_true_area_is_that_of_the_pixels_that_have_a_label_and_are_mapped() -> None:
    mapped = np.array([[0, 1, 255, 2]], np.uint8)
    truth = np.array([[0, 255, 1, 1]], np.uint8)
    both = population(mapped, truth)
    assert [ids.tolist() for ids in both] == [[0, 2], [0, 1]]
    with pytest.raises(InputError, match="give labels on the map's grid"):
        population(mapped, truth.T)
    with pytest.raises(InputError, match="no pixel of the map has a label"):
        population(mapped, np.full((1, 4), 255, np.uint8))


def test_rare_classes_are_marked() -> None:
    mapped = np.array([0] * 10 + [1] * 990, np.uint8)
    found = coverage(mapped, mapped, ("pond", "field"), 100, 5)
    assert [row.is_common for row in found] == [False, True]
    assert found[0].true == 0.01 < COMMON
    assert table(found, 5).splitlines()[2].startswith("| pond (rare) | 1.00 | 1.00 | 1.00 |")


def test_the_command_reads_a_map_and_its_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mapped, truth = town(150, 200)
    np.save(tmp_path / "truth.npy", truth)
    path = write_map(tmp_path / "maps" / "classes.tif", mapped)
    labels = write_map(tmp_path / "labels.tif", truth)
    assert main([str(path.parent), str(tmp_path / "truth.npy"), "--draws", "20"]) == 0
    first = capsys.readouterr().out
    assert main([str(path), str(labels), "--draws", "20"]) == 0
    assert capsys.readouterr().out == first
    assert "| road | " in first
