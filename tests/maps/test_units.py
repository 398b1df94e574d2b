"""When values are unlike the training's: not one band lies where the training's did."""

import numpy as np
import pytest

from terrazzo.maps.rasters.units import unlike
from terrazzo.pixels.bands.reading import BandReading

READING = BandReading(("red", "dsm"), levels=((300.0, 2300.0), (510.0, 530.0)))
NAN = np.nan


def values(red: tuple[float, float], dsm: tuple[float, float]) -> np.ndarray:
    """101 pixels: each band evenly from its first to its second value."""
    return np.array([np.linspace(*red, 101), np.linspace(*dsm, 101)], np.float32).T


@pytest.mark.parametrize(
    ("red", "dsm"),
    [
        ((300, 2300), (510, 530)),
        ((0, 1), (510, 530)),  # one band alike is enough: the other may show only shadow
        ((300, 2300), (0, 20)),  # another height above the sea
        ((1000, 1080), (9, 9)),  # 76 of 2000 between the percentiles are enough
        ((NAN, NAN), (515, 520)),
    ],
)
def test_like_the_training(red: tuple[float, float], dsm: tuple[float, float]) -> None:
    assert unlike(values(red, dsm), READING) is None


def test_shares_instead_of_numbers_are_unlike() -> None:
    """0..1 has its percentiles at 0.02 and 0.98; heights in centimetres lie far above."""
    found = unlike(values((0, 1), (51_000, 53_000)), READING)
    assert found is not None
    name, low, high, span = found
    assert (name, span) == ("red", (300, 2300))
    assert (low, high) == pytest.approx((0.02, 0.98))


def test_a_raster_without_a_number_is_like_any() -> None:
    assert unlike(values((NAN, NAN), (NAN, NAN)), READING) is None
