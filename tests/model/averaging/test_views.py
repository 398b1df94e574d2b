"""Laws of mirror images and sizes of windows at prediction."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.model.averaging.views import (
    PLAIN,
    Views,
    at_once,
    averaging,
    parse_scales,
    resized,
    scaled_side,
    symmetries,
)
from terrazzo.pixels.bands.depth import Pixels
from tests.worlds.headers import HEADER
from tests.worlds.mapping import Convolving
from tests.worlds.rasters import noise


@dataclass
class PixelByPixel:
    """Looks at each pixel alone: the first band's share of 255 is that of class 0. It remembers shapes."""

    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def __call__(self, pixels: Pixels) -> NDArray[np.float32]:
        self.shapes.append(pixels.shape)
        share = (pixels[:, :1] / np.float32(255)).astype(np.float32)
        return np.concatenate([share, 1 - share], axis=1)


def test_turning_back_undoes_turning() -> None:
    pixels = noise(2, 3, 5, 7)
    turned = {symmetry.turn(pixels).tobytes() for symmetry in symmetries("d4")}
    assert [len(symmetries(tta)) for tta in ("none", "flips", "d4")] == [1, 4, 8]
    assert len(turned) == 8
    for symmetry in symmetries("d4"):
        np.testing.assert_array_equal(symmetry.back(symmetry.turn(pixels).astype(np.float32)), pixels)


def test_averaging_over_all_views_turns_with_the_image() -> None:
    model = Convolving(HEADER)
    pixels = noise(1, 3, 32, 32)
    plain, average = model.classify, averaging(model.classify, "d4")
    turned = np.ascontiguousarray(pixels.swapaxes(2, 3)[..., ::-1])
    np.testing.assert_allclose(average(turned), average(pixels).swapaxes(2, 3)[..., ::-1], atol=1e-6)
    assert abs(plain(turned) - plain(pixels).swapaxes(2, 3)[..., ::-1]).max() > 0.1
    np.testing.assert_allclose(average(pixels).sum(axis=1), 1, atol=1e-6)


def test_the_factor_1_alone_is_the_model_itself() -> None:
    classify = Convolving(HEADER).classify
    assert PLAIN.of(classify) is classify
    assert Views(scales=(1.0,)).of(classify) is classify
    assert parse_scales("1") == parse_scales(()) == parse_scales([1]) == ()


@pytest.mark.parametrize("scales", [(0.5,), (2.0,), (0.5, 1.0, 1.5), (1.0, 4.0)])
@pytest.mark.parametrize("tta", ["none", "flips"])
def test_a_constant_window_keeps_its_probabilities(scales: tuple[float, ...], tta: str) -> None:
    pixels = np.full((3, 3, 64, 64), 51, np.uint8)  # 51 / 255 = 0.2
    found = Views(tta, scales).of(PixelByPixel())(pixels)
    assert found.shape == (3, 2, 64, 64)
    np.testing.assert_allclose(found[:, 0], 0.2, atol=1e-6)


def test_the_mean_over_two_sizes_worked_by_hand() -> None:
    """A checkerboard of 0 and 200 shrunk to half is 100 all over, so the mean of both views is 50 and 150 of 255."""
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 200).astype(np.uint8)
    found = Views(scales=(0.5, 1.0)).of(PixelByPixel())(np.stack([board] * 3)[None])
    middle = found[0, 0, 8:-8, 8:-8] * 255
    np.testing.assert_allclose(middle, np.where(board[8:-8, 8:-8] == 0, 50, 150), atol=1)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_sides_stay_multiples_of_32() -> None:
    assert [scaled_side(512, scale) for scale in (0.5, 0.75, 1, 1.3, 4)] == [256, 384, 512, 672, 2048]
    assert [scaled_side(36, scale) for scale in (0.5, 1, 1.5, 2)] == [32, 36, 64, 64]
    model = PixelByPixel()
    Views(scales=(0.5, 1.3)).of(model)(noise(1, 3, 96, 64))
    assert [shape[2:] for shape in model.shapes] == [(64, 32), (128, 96)]  # 48 is as near to 32 as to 64


def test_enlarged_windows_are_shown_in_equal_parts_of_about_as_many_pixels() -> None:
    """16 windows at twice the side have 4 times the pixels: 4 at a time. Of 13, 3 at a time, the last part filled."""
    assert [at_once(16, 2), at_once(13, 2), at_once(1, 4), at_once(8, 0.5), at_once(8, 1)] == [4, 3, 1, 8, 8]
    model = PixelByPixel()
    pixels = noise(13, 3, 32, 32)
    found = Views(scales=(2.0,)).of(model)(pixels)
    assert model.shapes == [(3, 3, 64, 64)] * 5
    np.testing.assert_array_equal(found[12:], Views(scales=(2.0,)).of(model)(pixels[12:]))
    assert Views(scales=(1.0, 2.0)).most_pixels(16, 512) == 16 * 512**2
    assert Views(scales=(1.0, 2.0)).most_pixels(1, 512) == 1024**2


def test_what_is_missing_has_no_part_in_its_neighbours() -> None:
    values = np.full((1, 1, 64, 64), 7, np.float32)
    values[..., :20] = np.nan
    for size in ((32, 32), (128, 128)):
        found = resized(values, size)[0, 0]
        edge = 20 * size[1] // 64
        assert np.isnan(found[:, : edge - 1]).all()
        np.testing.assert_allclose(found[:, edge + 1 :], 7, rtol=1e-6)
    np.testing.assert_array_equal(resized(np.full((1, 1, 8, 8), np.inf, np.float32), (4, 4)), np.nan)


@pytest.mark.parametrize(
    ("words", "expected"),
    [("1,2", (1, 2)), (["2", "1"], (1, 2)), (["2,0.75", 1], (0.75, 1, 2)), (2, (2,)), ([0.5, 4], (0.5, 4)), ((), ())],
)
def test_factors_are_read_from_words_and_numbers(words: object, expected: tuple[float, ...]) -> None:
    assert parse_scales(words) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("0.4", "--tta-scales 0.4: expected factors from 0.5 to 4, as in 1,2"),
        ("1,big", "--tta-scales big: expected factors"),
        ("1,", "--tta-scales : expected factors"),
        ("nan", "--tta-scales nan: expected factors"),
        (["1", "1.0"], "--tta-scales 1: is given twice; give it once"),
    ],
)
def test_other_factors_are_refused(words: object, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_scales(words)  # type: ignore[arg-type]
    assert expected in str(caught.value)
