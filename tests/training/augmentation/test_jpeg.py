"""The JPEG stand-in: its tables by hand, and its losses beside those of Pillow."""

import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from terrazzo.training.augmentation.jpeg import compressed, quality_of, scaled_tables


def a_photo(height: int = 250, width: int = 245) -> NDArray[np.uint8]:
    """Roofs on ground with a smooth slope of light, slightly noisy: sizes that are no multiple of 16."""
    rng = np.random.default_rng(3)
    photo = np.full((height, width, 3), (120.0, 110, 95)) + np.linspace(-30, 40, width)[None, :, None]
    for _ in range(40):
        row, col = rng.integers(0, height), rng.integers(0, width)
        photo[row : row + rng.integers(8, 40), col : col + rng.integers(8, 40)] = rng.integers(20, 235, 3)
    return (photo + rng.normal(0, 5, photo.shape)).clip(0, 255).astype(np.uint8)


def by_pillow(photo: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


def as_batch(photo: NDArray[np.uint8]) -> torch.Tensor:
    planes = photo[None] if photo.ndim == 2 else photo.transpose(2, 0, 1)
    return torch.from_numpy(planes.copy()).float()[None]


def test_tables_by_hand() -> None:
    # Printed at 50; at 25 doubled (16 -> 32, 99 -> 198); at 75 halved, up from .5 (11 -> 5.5 -> 6); at 100 all are 1.
    tables = scaled_tables(torch.tensor([50.0, 25, 75, 100]))
    assert tables.shape == (4, 2, 8, 8)
    assert tables[0, 0, 0].tolist() == [16, 11, 10, 16, 24, 40, 51, 61]
    assert (tables[1, 0, 0, 0], tables[1, 1, 7, 7]) == (32, 198)
    assert tables[2, 0, 0, :3].tolist() == [8, 6, 5]
    assert (tables[3] == 1).all()


def test_the_quality_of_a_step_has_tables_of_that_step() -> None:
    steps = torch.tensor([0.001, 0.2, 0.5, 1, 1.667, 2.6, 5, 60])
    assert quality_of(steps).tolist() == [100, 90, 75, 50, 30, 19, 10, 1]
    drawn = torch.linspace(0.2, 5, 200)
    largest = scaled_tables(quality_of(drawn))[:, 0, 7, 0] / 72  # it meets the limit of 255 at 3.54
    assert torch.allclose(largest[drawn < 3.5], drawn[drawn < 3.5], rtol=0.06)


@pytest.mark.parametrize("quality", [20, 30, 50, 75, 90])
def test_it_loses_what_pillow_loses(quality: int) -> None:
    """Within 1.6 grey levels on average, and a fifth of the loss at 75 and below (measured: 0.8 to 1.3)."""
    photo = a_photo()
    found = compressed(as_batch(photo), torch.tensor([float(quality)]), (0, 1, 2)).clamp(0, 255)[0]
    theirs = torch.from_numpy(by_pillow(photo, quality).transpose(2, 0, 1).copy()).float()
    clean = as_batch(photo)[0]
    difference, loss = (found - theirs).abs().mean().item(), (theirs - clean).abs().mean().item()
    assert difference < 1.6
    if quality <= 75:
        assert difference < 0.25 * loss
    ours = torch.stack(((found - clean).flatten(), (theirs - clean).flatten())).corrcoef()[0, 1]
    assert ours > 0.9  # the same pixels change the same way


@pytest.mark.parametrize("quality", [20, 50, 90])
def test_a_grey_band_loses_what_pillow_loses(quality: int) -> None:
    grey = np.array(Image.fromarray(a_photo()).convert("L"))
    found = compressed(as_batch(grey), torch.tensor([float(quality)]), None).clamp(0, 255)[0, 0]
    assert (found - torch.from_numpy(by_pillow(grey, quality)).float()).abs().mean() < 0.6  # 0.25 by rounding alone


def test_each_patch_has_its_own_quality() -> None:
    photo = as_batch(a_photo()).repeat(3, 1, 1, 1)
    qualities = torch.tensor([20.0, 50, 90])
    together = compressed(photo, qualities, (0, 1, 2))
    for number, quality in enumerate(qualities):
        alone = compressed(photo[:1], quality[None], (0, 1, 2))
        torch.testing.assert_close(together[number : number + 1], alone, atol=0.01, rtol=0)
    loss = (together - photo).abs().mean(dim=(1, 2, 3))
    assert loss[0] > loss[1] > loss[2] > 1


def test_colours_are_coded_together_wherever_they_lie_and_other_bands_alone() -> None:
    photo, near_infrared = as_batch(a_photo()), as_batch(a_photo()[..., 0])
    quality = torch.tensor([30.0])
    found = compressed(torch.cat([near_infrared, photo.flip(1)], dim=1), quality, (3, 2, 1))
    torch.testing.assert_close(found[:, [3, 2, 1]], compressed(photo, quality, (0, 1, 2)), atol=0.01, rtol=0)
    torch.testing.assert_close(found[:, :1], compressed(near_infrared, quality, None), atol=0.01, rtol=0)


def test_a_flat_patch_stays_flat() -> None:
    # 128 is the level whose coefficients are all 0; 140 is 12 above, 96 in the first one: at 50, 6 steps of 16.
    flat = torch.full((1, 3, 40, 24), 128.0)
    quality = torch.tensor([50.0])
    torch.testing.assert_close(compressed(flat, quality, (0, 1, 2)), flat, atol=0.01, rtol=0)
    torch.testing.assert_close(compressed(flat + 12, quality, (0, 1, 2)), flat + 12, atol=0.01, rtol=0)
