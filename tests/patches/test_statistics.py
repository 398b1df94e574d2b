"""Range, mean and deviation of bands, worked by hand."""

from pathlib import Path

import numpy as np
import pytest

import terrazzo
from terrazzo.classes.schema import IGNORE
from terrazzo.patches import statistics
from terrazzo.patches.statistics import BandValues, flattened, measured, sampled
from tests.worlds.deep import sentinel_scene

MASKS = np.array([[[0, 1], [IGNORE, 2]], [[IGNORE] * 2] * 2, [[1, 1], [0, IGNORE]]], np.uint8)
IMAGES = np.arange(24, dtype=np.uint16).reshape(3, 2, 2, 2)


def test_only_labelled_pixels_of_the_given_patches_count() -> None:
    np.testing.assert_array_equal(sampled(IMAGES, MASKS, np.array([0, 1])), [[0, 1], [2, 3], [6, 7]])
    np.testing.assert_array_equal(sampled(IMAGES, MASKS, np.array([2])), [[16, 17], [18, 19], [20, 21]])
    assert sampled(IMAGES, MASKS, np.array([1])).shape == (0, 2)


@pytest.mark.parametrize(("most", "numbers"), [(6, range(6)), (5, [0, 2, 4]), (3, [0, 2, 4]), (2, [0, 3]), (1, [0])])
def test_of_many_pixels_every_kth_is_taken(most: int, numbers: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Six labelled pixels over two patches; the least step that keeps the limit."""
    whole = sampled(IMAGES, MASKS, np.arange(3))
    monkeypatch.setattr(statistics, "SAMPLE", most)
    np.testing.assert_array_equal(sampled(IMAGES, MASKS, np.arange(3)), whole[list(numbers)])


def test_missing_values_of_whole_numbers_do_not_count() -> None:
    images = IMAGES.copy()
    images[0, 0, 0] = (65535, 3)
    sample = sampled(images, MASKS, np.array([0]))
    np.testing.assert_array_equal(sample, [[np.nan, 3], [2, 3], [6, 7]])
    assert measured(sample, (None, None), (0, 100))[0] == BandValues(2, 6, 4, 2)


def test_values_are_clipped_to_percentiles_before_mean_and_deviation() -> None:
    """0 to 100 and one outlier: the 5th percentile of 101 values is 5, the 95th is 95."""
    values = np.arange(101, dtype=np.float32)
    values[100] = 1e9
    (band,) = measured(values[:, None], (None,), (5, 95))
    clipped = np.arange(101).clip(5, 95)
    assert (band.low, band.high) == (5, 95)
    assert band.mean == pytest.approx(clipped.mean())
    assert band.std == pytest.approx(clipped.std())


def test_a_scale_is_what_a_band_spans() -> None:
    """-1, 2, 9 within 0..4 are 0, 2, 4: mean 2, deviation the root of 8/3."""
    sample = np.array([[-1, 5], [2, 5], [9, 5]], np.float32)
    scaled, constant = measured(sample, ((0.0, 4.0), None), (0, 100))
    assert (scaled.low, scaled.high, scaled.mean) == (0, 4, 2)
    assert scaled.std == pytest.approx((8 / 3) ** 0.5)
    assert constant == BandValues(5, 6, 5, 1)


def test_a_band_without_a_value_spans_zero_to_one() -> None:
    sample = np.array([[np.nan, 1], [np.inf, 3]], np.float32)
    assert measured(sample, (None, None), (0, 100)) == (BandValues(0, 1, 0, 1), BandValues(1, 3, 2, 1))


@pytest.mark.parametrize(
    ("values", "pair", "words"),
    [
        ((0, 1), (0, 255), "--scale 0,255 leaves nothing to see in band red: its values fill 0.4% of that; they lie"),
        ((300, 4000), (0, 255), "100% of its values become 255; they lie between 374 and 3926"),
        ((-50, -1), (0, 255), "100% of its values become 0"),
        ((0, 10), (0, 255), None),  # 9.6 between the percentiles are 3.8 %
        ((0, 1), None, None),
        ((np.nan, np.nan), (0, 255), None),
    ],
)
def test_a_scale_that_leaves_nothing_is_warned_of(
    values: tuple[float, float], pair: tuple[float, float] | None, words: str | None
) -> None:
    found = flattened("red", np.linspace(*values, 101).astype(np.float32), pair)
    assert (found is None) if words is None else (found is not None and words in found)


def test_a_scale_that_flattens_is_told_by_prepare(tmp_path: Path) -> None:
    scene = sentinel_scene(tmp_path)
    options = {"patch_size": 32, "split": "patch", "scale": ["B08:0,50", "0,5000"]}
    done = terrazzo.prepare(scene.raster, scene.labels, out=tmp_path / "out", **options)  # type: ignore[arg-type]
    (line,) = (line for line in done.lines if "--scale" in line)
    assert line.startswith("--scale 0,50 leaves nothing to see in band B08: 100% of its values become 50; they lie")


def test_auto_freezes_two_to_ninety_eight_percent_of_the_training_patches(tmp_path: Path) -> None:
    scene = sentinel_scene(tmp_path)
    options = {"patch_size": 32, "split": "patch"}
    done = terrazzo.prepare(scene.raster, scene.labels, out=tmp_path / "auto", scale="auto", **options)  # type: ignore[arg-type]
    train = np.zeros(scene.ids.shape, bool)
    for (row, col), side in zip(done.patches.corners, done.patches.sides, strict=True):
        train[row : row + 32, col : col + 32] = side == "train"
    values = scene.pixels[:, train & scene.pixels.any(axis=0)]
    expected = np.percentile(values, [2, 98], axis=1).T
    np.testing.assert_allclose(done.patches.scale, expected)
    np.testing.assert_allclose(done.patches.description["value_range"], expected)
    plain = terrazzo.prepare(scene.raster, scene.labels, out=tmp_path / "plain", **options).patches  # type: ignore[arg-type]
    assert plain.scale == (None,) * 6
    assert (plain.path / "images.npy").read_bytes() == (done.patches.path / "images.npy").read_bytes()
    assert plain.content_hash != done.patches.content_hash  # a network learns otherwise from them
