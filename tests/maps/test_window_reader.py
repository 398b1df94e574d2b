"""What a network sees of pixels that are invalid or missing, worked by hand."""

import numpy as np
import pytest

from terrazzo.maps.pieces.window_reader import fill_color, fill_missing
from terrazzo.model.normalization import Normalization

NAN = np.nan
BANDS = Normalization("bands", (50, -5), (25, 10), dtype="int16", low=(0, -9), high=(100, 9), clips=(True, False))
MINMAX = Normalization("minmax", (0, 0), (1, 1), dtype="int16", low=(0, -9), high=(100, 9), clips=(True, False))
PIXELS = np.array([[[10, NAN], [30, 2]], [[NAN, NAN], [80, 4]]], np.float32)
VALID = np.array([[True, True], [False, False]])


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [
        (BANDS, [[[10, -5], [30, 2]], [[50, -5], [50, -5]]]),  # the means of the training
        (MINMAX, [[[10, 2], [30, 2]], [[20, 2], [20, 2]]]),  # those of the valid values: (10 + 30) / 2, and 2
    ],
)
def test_a_deep_value_that_is_missing_or_invalid_becomes_the_mean(
    normalization: Normalization, expected: list[object]
) -> None:
    filled = fill_missing(normalization, PIXELS, VALID)
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled, expected)
    assert np.isnan(PIXELS[0, 0, 1]), "what was read stays as it is"


def test_whole_pixels_stay_as_they_are() -> None:
    pixels = np.ones((2, 2, 2), np.float32)
    assert fill_missing(BANDS, pixels, np.ones((2, 2), bool)) is pixels


def test_an_invalid_pixel_of_eight_bits_becomes_the_colour_that_is_seen_as_the_mean() -> None:
    unit = Normalization("unit", (0.5, 0.2), (1, 1))
    assert fill_color(unit, np.zeros((0, 2), np.uint8)).tolist() == [128, 51]
