"""Which windows of an image are looked at before it is mapped."""

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from terrazzo.maps.familiarity import (
    MOST_WINDOWS,
    evenly,
    good_windows,
    most_windows,
    picture_windows,
    places,
    words_of,
)
from terrazzo.model.familiarity.reference import Seen
from terrazzo.model.windows.tiling import ArrayPicture, Tiling
from tests.worlds.familiarity import stated
from tests.worlds.mapping import MEAN
from tests.worlds.rasters import noise


class Counted:
    """A raster (H, W, 3) in memory with invalid pixels; it counts what is read."""

    def __init__(self, height: int, width: int, invalid: Iterable[slice] = ()) -> None:
        self.pixels = np.ascontiguousarray(noise(3, height, width).transpose(1, 2, 0))
        self.valid = np.ones((height, width), bool)
        for rows in invalid:
            self.valid[rows] = False
        self.n_read = 0

    @property
    def size(self) -> tuple[int, int]:
        return self.valid.shape[0], self.valid.shape[1]

    def read(self, row: int, col: int, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        self.n_read += 1
        place = slice(row, row + height), slice(col, col + width)
        return self.pixels[place], self.valid[place]


def test_a_large_raster_costs_32_windows_from_edge_to_edge() -> None:
    raster = Counted(1000, 3000)
    windows = good_windows(raster, raster.size, 32, MEAN)
    assert len(windows) == raster.n_read == MOST_WINDOWS == 32
    assert {window.shape for window in windows} == {(32, 32, 3)}
    spots = list(places(raster.size, 32))[:32]
    assert {(0, 0), (968, 2968)} <= set(spots)
    assert len({row for row, _ in spots}) == len({col for _, col in spots}) == 8


def test_windows_do_not_overlap_by_more_than_half() -> None:
    """96 px: starts 0, 16, 32, 48, 64. 33 px: 0 and 1, as both edges count."""
    assert list(places((32, 96), 32)) == [(0, 0), (0, 32), (0, 64), (0, 16), (0, 48)]
    assert list(places((33, 20), 32)) == [(0, 0), (1, 0)]


def test_what_is_invalid_is_not_looked_at() -> None:
    """The upper half is invalid: none of 32 windows lies there, and at most 64 are read."""
    raster = Counted(1000, 1000, [slice(0, 500)])
    raster.pixels[:500] = 0
    windows = good_windows(raster, raster.size, 32, MEAN)
    assert raster.n_read == 64
    assert len(windows) == 32
    assert all((window > 0).any(axis=2).mean() > 0.9 for window in windows)


def test_windows_that_are_half_valid_serve_where_none_is_whole() -> None:
    """20 of 32 rows are valid; the others take the training's mean."""
    raster = Counted(32, 32, [slice(0, 12)])
    (window,) = good_windows(raster, raster.size, 32, MEAN)
    assert (window[:12] == (100, 150, 50)).all()
    raster = Counted(32, 32, [slice(0, 17)])
    assert good_windows(raster, raster.size, 32, MEAN) == []


def test_a_small_raster_is_filled_up_by_reflection() -> None:
    raster = Counted(20, 9)
    (window,) = good_windows(raster, raster.size, 32, MEAN)
    assert window.shape == (32, 32, 3)
    assert np.array_equal(window[20], window[19])


def test_windows_of_a_photo_are_seen_as_the_model_sees_them() -> None:
    photo = ArrayPicture(np.ascontiguousarray(noise(3, 200, 300).transpose(1, 2, 0)))
    assert [window.shape for window in picture_windows(photo, Tiling(32, 8, 32), 32, 5)] == [(32, 32, 3)] * 5
    (whole,) = picture_windows(photo, Tiling(32, 0, 32, whole=True), 32, 5)
    assert whole.shape == (32, 32, 3)
    reduced = picture_windows(photo, Tiling(32, 8, 32, downsample=2.0), 32, 1)[0]
    assert reduced.shape == (32, 32, 3)
    assert reduced[0, 0] == pytest.approx(photo.pixels[:2, :2].mean(axis=(0, 1)), abs=1)


def test_large_windows_are_fewer() -> None:
    assert [most_windows(side) for side in (32, 256, 512, 1024, 2048)] == [32, 32, 16, 4, 4]


def test_numbers_spread_evenly() -> None:
    assert evenly(3, 32) == [0, 1, 2]
    assert evenly(101, 3) == [0, 50, 100]


def test_the_warning_has_the_number_and_what_was_reached() -> None:
    assert words_of("scene.tif", Seen(1.9, 2.0), stated(2.0)) is None
    assert words_of("scene.tif", Seen(3.41, 2.0), stated(2.0)) == (
        "warning: scene.tif is unlike the training data: feature distance 3.4 (limit 2; validation places reached "
        "1.5); check its map before you rely on it (docs/how-to/map-a-scene.md)"
    )
