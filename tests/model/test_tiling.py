"""Laws of looking at images piece by piece: the pieces do not show in the map."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from terrazzo.errors import InputError
from terrazzo.model.normalization import Normalization
from terrazzo.model.windows.blend import Block
from terrazzo.model.windows.enlarging import enlarge
from terrazzo.model.windows.tiling import ArrayPicture, Tiling, blocks, plan
from tests.worlds.headers import HEADER

SIZES = [(1, 1), (1, 70), (70, 1), (31, 33), (64, 64), (33, 197), (150, 101)]


def noise(height: int, width: int, bands: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, bands), np.uint8)


def by_pixel(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A classifier that looks at each pixel alone: softmax of the bands."""
    exponents = np.exp(pixels.astype(np.float32) / 64)
    return exponents / exponents.sum(axis=1, keepdims=True)


def by_place(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A classifier whose answer also depends on where in the window a pixel lies, as a network's does."""
    probs = by_pixel(pixels) + np.linspace(0, 1, pixels.shape[3], dtype=np.float32)
    return probs / probs.sum(axis=1, keepdims=True)


def assembled(parts: list[Block], height: int, width: int) -> NDArray[np.float32]:
    whole = np.full((len(parts[0].probs), height, width), np.nan, np.float32)
    for part in parts:
        assert np.isnan(whole[:, *part.place]).all()
        whole[:, *part.place] = part.probs
    assert not np.isnan(whole).any()
    return whole


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("tiling", [Tiling(64, 8, 32), Tiling(96, 48, 96), Tiling(32, 0, 32)])
def test_windows_do_not_show_where_the_classifier_looks_at_single_pixels(
    height: int, width: int, tiling: Tiling
) -> None:
    image = noise(height, width)
    parts = list(blocks(by_pixel, ArrayPicture(image), tiling))
    assert len(parts) == tiling.n_windows(height, width)
    expected = by_pixel(image.transpose(2, 0, 1)[None])[0]
    np.testing.assert_allclose(assembled(parts, height, width), expected, rtol=2e-6)


@pytest.mark.parametrize("batch_size", [2, 3, 100])
def test_the_map_is_bit_for_bit_the_same_whatever_the_batch_size(batch_size: int) -> None:
    image, tiling = noise(150, 101), Tiling(64, 16, 64)
    one = assembled(list(blocks(by_place, ArrayPicture(image), tiling)), 150, 101)
    many = assembled(list(blocks(by_place, ArrayPicture(image), replace(tiling, batch_size=batch_size))), 150, 101)
    np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_what_is_handed_out_is_never_read_again(batch_size: int) -> None:
    expected = assembled(list(blocks(by_place, ArrayPicture(noise(150, 101)), Tiling(64, 30, 64))), 150, 101)
    image = noise(150, 101)
    parts = []
    for part in blocks(by_place, ArrayPicture(image), Tiling(64, 30, 64), batch_size):
        image[part.place] = 255
        parts.append(part)
    assert (image == 255).all()
    np.testing.assert_array_equal(assembled(parts, 150, 101), expected)


def test_small_images_are_filled_up_to_the_patch_size_by_reflection() -> None:
    """An image of 3 x 70 and a model of 64 px patches: one window of 64 x 96, rows 0 1 2 2 1 0 0 1 2 ..."""
    seen: list[NDArray[np.uint8]] = []

    def remember(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(pixels)
        return by_pixel(pixels)

    image = noise(3, 70)
    (part,) = blocks(remember, ArrayPicture(image), Tiling(512, 64, 64))
    assert part.probs.shape == (3, 3, 70)
    (window,) = seen
    assert window.shape == (1, 3, 64, 96)
    np.testing.assert_array_equal(window[0, :, :9, :70], image[[0, 1, 2, 2, 1, 0, 0, 1, 2]].transpose(2, 0, 1))
    np.testing.assert_array_equal(window[0, :, :3, 70:73], image[:, [69, 68, 67]].transpose(2, 0, 1))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_whole_images_are_resized_as_prepare_does_and_sampled_back(height: int, width: int) -> None:
    image = noise(height, width)
    small = np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR))
    seen: list[NDArray[np.uint8]] = []

    def remember(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(pixels)
        return by_pixel(pixels)

    parts = list(blocks(remember, ArrayPicture(image), Tiling(32, 0, 32, whole=True)))
    np.testing.assert_array_equal(seen[0][0].transpose(1, 2, 0), small)
    np.testing.assert_allclose(assembled(parts, height, width).sum(axis=0), 1, atol=1e-6)


def test_enlarging_worked_by_hand() -> None:
    """Two values 0 and 1 over four pixels: centres at -1/4 (clipped to 0), 1/4, 3/4, 5/4 (clipped to 1)."""
    probs = np.array([[[0, 1]], [[1, 0]]], np.float32)
    (part,) = enlarge([Block(0, 0, probs)], (1, 2), (1, 4))
    np.testing.assert_allclose(part.probs[:, 0], [[0, 0.25, 0.75, 1], [1, 0.75, 0.25, 0]])


def test_enlarging_in_blocks_equals_enlarging_at_once() -> None:
    probs = by_pixel(noise(7, 5).transpose(2, 0, 1)[None])[0]
    (whole,) = enlarge([Block(0, 0, probs)], (7, 5), (83, 47))
    np.testing.assert_array_equal(
        assembled(list(enlarge([Block(0, 0, probs)], (7, 5), (83, 47), side=20)), 83, 47), whole.probs
    )


def test_the_plan_follows_the_model() -> None:
    minmax = Normalization("minmax", (0.0,) * 3, (1.0,) * 3)
    assert plan(HEADER) == Tiling(512, 64, 256)
    assert plan(replace(HEADER, patch_size=600)) == Tiling(608, 76, 600)
    assert plan(replace(HEADER, normalization=minmax)) == Tiling(256, 32, 256)
    assert plan(replace(HEADER, fit="resize"), batch_size=3) == Tiling(256, 0, 256, whole=True, batch_size=3)
    assert plan(HEADER, window=128, overlap=0) == Tiling(128, 0, 128)
    assert plan(replace(HEADER, patch_size=100), window=100).window == 100, "the model's own, though 100 = 3 * 32 + 4"


@pytest.mark.parametrize(
    ("fit", "options", "words"),
    [
        ("crop", {"window": 31}, "--window 31: expected 32 to 8192 pixels"),
        ("crop", {"window": 9000}, "--window 9000: expected 32 to 8192 pixels"),
        ("crop", {"window": 100}, "--window 100: expected a multiple of 32, as 96 or 128"),
        ("crop", {"overlap": -1}, "--overlap -1: expected 0 to half the window, 256 pixels"),
        ("crop", {"window": 128, "overlap": 65}, "--overlap 65: expected 0 to half the window, 64 pixels"),
        ("crop", {"batch_size": 0}, "--batch-size 0: expected at least 1"),
        ("resize", {"window": 256}, "--window: this model sees whole images resized to 256 px"),
        ("resize", {"overlap": 8}, "--overlap: this model sees whole images resized to 256 px"),
    ],
)
def test_what_cannot_be_is_refused(fit: str, options: dict[str, int], words: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(replace(HEADER, fit=fit), **options)
    assert words in str(caught.value)


def test_the_batch_is_a_count_or_auto() -> None:
    assert plan(HEADER, batch_size="auto").batch_size is None
    assert plan(HEADER, batch_size="3").batch_size == 3
    for wrong in ("many", "0", -1):
        with pytest.raises(InputError, match=f"--batch-size {wrong}: expected at least 1, or auto"):
            plan(HEADER, batch_size=wrong)
