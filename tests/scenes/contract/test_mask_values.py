"""What tells masks of two values with grey edges from masks of ids and of several greys."""

import io

import numpy as np
import pytest
from PIL import Image

from terrazzo.scenes.contract.census import Census
from terrazzo.scenes.contract.mask_values import is_binary, is_nearly_binary, spans
from tests.worlds.handmade import encoded


def census(values: np.ndarray) -> Census:
    found, counts = np.unique(values, return_counts=True)
    return Census(False, dict(zip(found.tolist(), counts.tolist(), strict=True)))


def roads(width: int) -> np.ndarray:
    """Two roads across a mask (256, 256) of 0 and 255."""
    y, x = np.mgrid[:256, :256]
    return (((abs(y - x - 20) < width) | (abs(y + 0.5 * x - 150) < width / 2)) * 255).astype(np.uint8)


@pytest.mark.parametrize("width", [2, 3, 6, 20])
@pytest.mark.parametrize("quality", [50, 75, 90, 100])
def test_roads_as_jpeg_have_two_values_whatever_their_width(width: int, quality: int) -> None:
    read = np.asarray(Image.open(io.BytesIO(encoded(roads(width), "JPEG", quality=quality))))
    found = census(read)
    assert is_nearly_binary(found)
    assert not is_binary(found)
    assert is_binary(census(roads(width)))
    assert not is_nearly_binary(census(roads(width)))


@pytest.mark.parametrize("shrunk", [0.5, 0.7])
def test_shrunk_masks_have_smooth_edges(shrunk: float) -> None:
    side = int(256 * shrunk)
    smooth = Image.fromarray(roads(20)).resize((side, side), Image.Resampling.BILINEAR)
    assert is_nearly_binary(census(np.asarray(smooth)))


@pytest.mark.parametrize(
    "pixels",
    [
        {0: 900, 1: 40, 2: 30, 12: 30, 255: 500},
        {0: 900, 128: 40, 255: 500},
        {0: 300, 64: 300, 128: 300, 192: 300, 255: 300},
        {0: 900, 100: 400, 200: 300, 255: 200},
        {0: 900, 3: 5, 250: 5},
        {0: 900, 200: 5, 255: 400, 300: 5},
    ],
    ids=["ids", "one grey", "five greys", "four classes", "no 255", "above 255"],
)
def test_ids_and_several_greys_are_not_two_values(pixels: dict[int, int]) -> None:
    assert not is_nearly_binary(Census(False, pixels))


def test_runs_of_values() -> None:
    assert spans([7, 0, 1, 2, 9, 10, 4]) == "0..2, 4, 7, 9..10"
