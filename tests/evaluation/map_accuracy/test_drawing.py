"""Pixels drawn within their classes."""

from pathlib import Path

import numpy as np
import pytest

from terrazzo.evaluation.map_accuracy.drawing import Drawn, draw
from terrazzo.evaluation.map_accuracy.survey import survey
from terrazzo.scenes import class_map
from terrazzo.scenes.class_map import open_map
from terrazzo.system.reporting import silent
from tests.worlds.sampled_maps import striped_ids, write_map


def drawn(path: Path, points: list[int], seed: int = 0) -> Drawn:
    found = open_map(path)
    return draw(found, survey(found, silent), points, seed, silent)


def test_each_pixel_is_of_its_class_and_drawn_once(tmp_path: Path) -> None:
    ids = striped_ids()
    found = drawn(write_map(tmp_path / "a.tif", ids), [30, 0, 200])
    assert ids[found.rows, found.cols].tolist() == found.classes.tolist()
    assert np.bincount(found.classes).tolist() == [30, 0, 200]
    assert len(set(zip(found.rows.tolist(), found.cols.tolist(), strict=True))) == 230


def test_a_class_may_be_drawn_whole(tmp_path: Path) -> None:
    ids = striped_ids(9, 50)
    found = drawn(write_map(tmp_path / "a.tif", ids), [18, 5, 5])
    assert ((ids == 0).sum(), (found.classes == 0).sum()) == (18, 18)


def test_every_pixel_of_a_class_is_equally_likely(tmp_path: Path) -> None:
    """200 draws of a tenth: chi-square of the times that each of 900 pixels was drawn, against 899 +- 42."""
    ids = np.zeros((45, 40), np.uint8)
    ids[np.indices(ids.shape).sum(axis=0) % 2 == 1] = 1
    path = write_map(tmp_path / "a.tif", ids)
    scene = open_map(path)
    counted = survey(scene, silent)
    times = np.zeros(ids.shape)
    for seed in range(200):
        found = draw(scene, counted, [90, 3, 0], seed, silent)
        times[found.rows, found.cols] += 1
    counts = times[ids == 0]
    # Without replacement the variance of one pixel's times is 200 * 0.1 * 0.9.
    chi2 = ((counts - 20) ** 2 / 18).sum()
    assert counts.sum() == 18_000
    assert abs(chi2 - 899) < 4 * np.sqrt(2 * 899)
    assert abs(counts[:450].mean() - 20) < 0.8  # 4 standard errors


def test_neither_order_nor_strips_follow_the_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_map(tmp_path / "a.tif", striped_ids())
    whole = drawn(path, [100, 100, 100], 3)
    assert abs(whole.classes[:150].mean() - 1) < 0.2
    monkeypatch.setattr(class_map, "STRIP", 10)
    monkeypatch.setattr(class_map, "ROWS", 3)
    again = drawn(path, [100, 100, 100], 3)
    pairs = [set(zip(each.rows.tolist(), each.cols.tolist(), strict=True)) for each in (whole, again)]
    assert pairs[0] == pairs[1]
