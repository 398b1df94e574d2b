"""Cutting images into patches: counts, corners, padding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError
from terrazzo.patches.cutting import cut, grid
from terrazzo.patches.options import PatchOptions, SplitOptions
from terrazzo.recipe.sections import DataSection


def picture(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """An image whose first two bands are row and col, and ids row % 4."""
    rows, cols = np.mgrid[:height, :width]
    image = np.stack([rows % 256, cols % 256, np.full_like(rows, 7)], axis=-1).astype(np.uint8)
    return image, (rows % 4).astype(np.uint8)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 200), width=st.integers(1, 200))
def test_cropping_takes_whole_patches_from_the_top_left(height: int, width: int) -> None:
    image, ids = picture(height, width)
    pieces = cut(image, ids, 64, "crop")
    assert len(pieces.images) == (height // 64) * (width // 64) == np.prod(grid(height, width, 64, "crop"))
    for patch, mask, (row, col) in zip(pieces.images, pieces.masks, pieces.corners, strict=True):
        assert (patch == image[row : row + 64, col : col + 64]).all()
        assert (mask == ids[row : row + 64, col : col + 64]).all()


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 200), width=st.integers(1, 200))
def test_padding_keeps_every_pixel_once_and_ignores_the_rest(height: int, width: int) -> None:
    image, ids = picture(height, width)
    pieces = cut(image, ids, 64, "pad")
    assert len(pieces.images) == -(-height // 64) * -(-width // 64) == np.prod(grid(height, width, 64, "pad"))
    assert (pieces.masks != IGNORE).sum() == height * width
    for patch, mask, (row, col) in zip(pieces.images, pieces.masks, pieces.corners, strict=True):
        inside = mask != IGNORE
        assert (patch[inside].reshape(-1, 3) == image[row : row + 64, col : col + 64].reshape(-1, 3)).all()


def test_resizing_gives_one_patch_and_never_blends_ids() -> None:
    image, ids = picture(150, 90)
    ids[ids == 1] = IGNORE
    pieces = cut(image, ids, 64, "resize")
    assert pieces.images.shape == (1, 64, 64, 3)
    assert set(np.unique(pieces.masks)) <= {0, 2, 3, IGNORE}
    assert abs(float(pieces.images[0, 32, :, 0].mean()) - 150 * 32.5 / 64) < 2  # the row band keeps its slope


@pytest.mark.parametrize(
    ("size", "fit", "words"),
    [
        (256, "stretch", "--fit stretch: expected crop, pad or resize"),
        (8, "crop", "--patch-size 8: expected a value greater than or equal to 32"),
        (5000, "crop", "--patch-size 5000: expected a value less than or equal to 4096"),
    ],
)
def test_options_outside_the_bounds_of_the_data_section_are_refused(size: int, fit: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        PatchOptions(size, fit)


def test_the_defaults_are_those_of_the_data_section() -> None:
    section = DataSection()
    assert PatchOptions() == PatchOptions(section.patch_size, section.fit)
    assert SplitOptions() == SplitOptions(section.split, section.val, section.test, section.seed)
