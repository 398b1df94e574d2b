"""Each degradation on a few pixels, with the value worked by hand."""

import io
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from terrazzo.evaluation.degradations import DEGRADATIONS, Shot


def shot(*bands: list[list[float]], rgb: tuple[int, int, int] | None = None) -> Shot:
    """One patch, number 7, of these bands (H, W) each."""
    return Shot(torch.tensor(bands, dtype=torch.float32)[None], (7,), rgb)


def changed(kind: str, strength: float, given: Shot) -> NDArray[np.float32]:
    """The bands (L, H, W) of the patch."""
    found: NDArray[np.float32] = DEGRADATIONS[kind].change(given, strength)[0].numpy()
    return found


def test_the_registry_has_the_kinds_and_strengths_that_the_docs_name() -> None:
    assert {name: (entry.unit, entry.strengths) for name, entry in DEGRADATIONS.items()} == {
        "resolution": ("factor", (2, 3, 4)),
        "jpeg": ("quality", (90, 70, 50, 30, 15)),
        "blur": ("sigma in px", (0.5, 1, 2, 3)),
        "noise": ("dB of PSNR", (40, 30, 25, 20, 15)),
        "brightness": ("stops", (-2, -1, 1, 2)),
        "contrast": ("stops", (-2, -1, 1, 2)),
        "cast": ("stops of red over blue", (-1, -0.5, 0.5, 1)),
        "haze": ("stops of attenuation", (0.25, 0.5, 1, 2)),
    }
    assert all(entry.about and "\n" not in entry.about for entry in DEGRADATIONS.values())


def test_half_the_resolution_of_a_checker_is_grey() -> None:
    assert changed("resolution", 2, shot([[0, 255], [255, 0]])).tolist() == [[[127.5] * 2] * 2]


def test_resolution_takes_means_of_squares_and_goes_back_bilinearly() -> None:
    """Squares of 0 and of 100: pixel centres of the old size lie a quarter and three quarters between theirs."""
    row = [0, 0, 100, 100]
    assert changed("resolution", 2, shot([row, row])).tolist() == [[[0, 25, 75, 100]] * 2]
    assert changed("resolution", 2, shot([row[:3]] * 3))[0, 0].tolist() == [0, 25, 75]  # the last pixel is repeated


def test_jpeg_is_that_of_pillow_and_three_bands_are_one_colour_file_in_the_order_of_the_colours() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)

    def read(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG", quality=30)
        return np.asarray(Image.open(stream))

    def of(pixels: NDArray[np.uint8], rgb: tuple[int, int, int] | None) -> NDArray[np.float32]:
        levels = torch.from_numpy(pixels).permute(2, 0, 1).float()[None]
        return DEGRADATIONS["jpeg"].change(Shot(levels, (0,), rgb), 30)[0].permute(1, 2, 0).numpy()

    np.testing.assert_array_equal(of(pixels, (0, 1, 2)), read(pixels))
    np.testing.assert_array_equal(of(pixels[..., ::-1].copy(), (2, 1, 0)), read(pixels)[..., ::-1])
    four = np.concatenate([pixels, pixels[..., :1]], axis=2)
    for band in range(4):
        np.testing.assert_array_equal(of(four, (0, 1, 2))[..., band], read(np.ascontiguousarray(four[..., band])))
    np.testing.assert_array_equal(of(pixels[..., :1], None)[..., 0], read(np.ascontiguousarray(pixels[..., 0])))


def test_blur_spreads_a_point_as_a_gaussian_of_this_sigma() -> None:
    point = np.zeros((11, 13))
    point[5, 6] = 100
    weights = np.exp(-(np.arange(-4, 5) ** 2) / 2)
    found = changed("blur", 1, shot(point.tolist()))[0]
    assert found[5, 6] == pytest.approx(100 / weights.sum() ** 2, rel=1e-5)
    assert found[5, 7] == pytest.approx(found[6, 6]) == pytest.approx(found[5, 6] * math.exp(-0.5), rel=1e-5)
    np.testing.assert_allclose(changed("blur", 3, shot([[80.0] * 5] * 4)), 80, rtol=1e-5)  # smaller than the Gaussian


def test_noise_has_the_standard_deviation_of_its_decibels_and_belongs_to_the_patch() -> None:
    """PSNR = 20 log10(255 / sigma): 25.5 grey levels at 20 dB, 2.55 at 40 dB."""
    levels = torch.full((2, 3, 64, 64), 100.0)
    noise = DEGRADATIONS["noise"].change
    for psnr_db, sigma in ((20, 25.5), (40, 2.55)):
        added = noise(Shot(levels, (7, 8)), psnr_db) - levels
        assert float(added.std()) == pytest.approx(sigma, rel=0.02)
        assert abs(float(added.mean())) < 0.05 * sigma
    both, alone = noise(Shot(levels, (7, 8)), 20), noise(Shot(levels[:1], (8,)), 20)
    assert torch.equal(both[1:], alone)
    assert not torch.equal(both[:1], alone)


def test_a_stop_of_brightness_doubles_or_halves_levels() -> None:
    assert changed("brightness", 1, shot([[10, 200]])).tolist() == [[[20, 400]]]
    assert changed("brightness", -2, shot([[10, 200]])).tolist() == [[[2.5, 50]]]


def test_a_stop_of_contrast_doubles_or_halves_distances_from_the_mean_of_all_bands() -> None:
    """The mean of 100, 140, 160 and 200 is 150."""
    assert changed("contrast", 1, shot([[100, 140]], [[160, 200]])).tolist() == [[[50, 130]], [[170, 250]]]
    assert changed("contrast", -1, shot([[100, 140]], [[160, 200]])).tolist() == [[[125, 145]], [[155, 175]]]


def test_a_cast_of_two_stops_doubles_red_and_halves_blue() -> None:
    bands = [[[40.0]], [[80.0]], [[60.0]]]
    assert changed("cast", 2, shot(*bands, rgb=(0, 1, 2)))[:, 0, 0].tolist() == [80, 80, 30]
    assert changed("cast", -2, shot(*bands, rgb=(0, 1, 2)))[:, 0, 0].tolist() == [20, 80, 120]
    assert changed("cast", 2, shot(*bands, rgb=(2, 1, 0)))[:, 0, 0].tolist() == [20, 80, 120]


def test_a_stop_of_haze_is_half_white() -> None:
    assert changed("haze", 1, shot([[0, 100, 255]])).tolist() == [[[127.5, 177.5, 255]]]
    assert changed("haze", 2, shot([[0]])).tolist() == [[[191.25]]]


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_no_degradation_changes_what_it_was_given(kind: str) -> None:
    given = Shot(torch.rand(2, 3, 10, 14) * 255, (0, 1), (0, 1, 2))
    before = given.levels.clone()
    for strength in DEGRADATIONS[kind].strengths:
        after = DEGRADATIONS[kind].change(given, strength)
        assert after.shape == before.shape
        assert not torch.equal(after, before)
        assert torch.equal(given.levels, before)
