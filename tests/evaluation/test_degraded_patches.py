"""Pixels as patches hold them: 8-bit ones are rounded and clipped, deep ones change as grey levels of their bands."""

import numpy as np
import pytest
from numpy.typing import NDArray

from terrazzo.evaluation.degradations import DEGRADATIONS
from terrazzo.evaluation.degraded_patches import DegradedPatches
from terrazzo.model.network import Normalizer
from terrazzo.model.normalization import Normalization
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.pixels.bands.light import Light

ROWS = np.array([0])
RGB = Light((True,) * 3, (0, 1, 2))


class Held:
    """One patch of these pixels (S, S, C)."""

    def __init__(self, pixels: Pixels) -> None:
        self.held = pixels

    def pixels(self, rows: NDArray[np.int64]) -> Pixels:
        """The patch, as often as it is asked for."""
        return np.repeat(self.held[None], len(rows), axis=0)


def normalizer(bands: int, deep: bool = False) -> Normalizer:
    """Of 8-bit bands, or of uint16 bands that span 1000 to 3000, whose mean is 2000."""
    if not deep:
        return Normalizer(Normalization("unit", (0.0,) * bands, (1.0,) * bands))
    spans = {"low": (1000.0,) * bands, "high": (3000.0,) * bands, "clips": (False,) * bands}
    return Normalizer(Normalization("bands", (2000.0,) * bands, (500.0,) * bands, dtype="uint16", **spans))  # type: ignore[arg-type]


def read(pixels: Pixels, kind: str, strength: float, light: Light = RGB) -> Pixels:
    """The patch, made worse."""
    deep = pixels.dtype != np.uint8
    of = normalizer(pixels.shape[-1], deep)
    return DegradedPatches(Held(pixels), DEGRADATIONS[kind], strength, light, of).pixels(ROWS)[0]


def test_8_bit_pixels_are_rounded_and_clipped() -> None:
    pixels = np.array([[[10, 100, 200], [0, 1, 255]]], np.uint8)
    found = read(pixels, "brightness", 1)
    assert found.dtype == np.uint8
    assert found.tolist() == [[[20, 200, 255], [0, 2, 255]]]
    assert read(pixels, "haze", 1).tolist() == [[[132, 178, 228], [128, 128, 255]]]  # halves go to the even level


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_bands_that_are_not_light_keep_their_values(kind: str) -> None:
    light = Light((True, True, False, True), (3, 1, 0))
    for dtype, high in (("uint8", 256), ("float32", 3000)):
        pixels = np.random.default_rng(0).integers(0, high, (9, 9, 4)).astype(dtype)
        for strength in DEGRADATIONS[kind].strengths:
            found = read(pixels, kind, strength, light)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found[..., 2], pixels[..., 2])
            assert (found[..., [0, 3]] != pixels[..., [0, 3]]).any()


def test_deep_values_change_as_grey_levels_of_their_band() -> None:
    """1000 to 3000 are levels 0 to 255: 1500 is 63.75, twice that is 2000; 3500 is beyond, and the patch's highest."""
    pixels = np.array([[[1500], [1000], [2800], [3500]]], np.float32)
    grey = Light((True,), None)
    np.testing.assert_allclose(read(pixels, "brightness", 1, grey)[0, :, 0], [2000, 1000, 3500, 3500], rtol=1e-6)
    np.testing.assert_allclose(read(pixels, "haze", 1, grey)[0, :, 0], [2250, 2000, 2900, 3250], rtol=1e-6)


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_missing_values_stay_missing_and_no_others_become_so(kind: str) -> None:
    pixels = np.random.default_rng(0).integers(1000, 3000, (9, 9, 3)).astype(np.float32)
    pixels[2:4, 3, :] = np.nan
    pixels[5, 5, 1] = np.nan
    for strength in DEGRADATIONS[kind].strengths:
        np.testing.assert_array_equal(np.isnan(read(pixels, kind, strength)), np.isnan(pixels))
