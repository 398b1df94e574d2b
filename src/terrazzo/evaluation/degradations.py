"""The ways in which images are made worse: each is one entry of one registry.

An entry is a function under `@degradation`. `evaluate --degrade`, degrade.csv, scores.json and the report read the
registry, so a new degradation is one function here.

Only bands of light change (`bands.light`), and masks never do. Functions take and return grey levels, 0 to 255. In
deeper bands, levels 0 and 255 are the low and the high value of the band, as in the augmentation of training. Values
beyond them are clipped to what the band of the patch had.

The numbers of noise depend on the number of the patch alone: neither batches, device nor strength changes them.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

WHITE = 255.0
_NOISE = 0x6E  # apart from other numbers that are drawn by the number of a patch
_SIGMAS = 4  # where the Gaussian is cut off


@dataclass(frozen=True)
class Shot:
    """The bands of light of some patches."""

    levels: "Tensor"
    """(B, L, H, W) float32 grey levels."""
    rows: tuple[int, ...]
    """The number of each patch in its folder."""
    rgb: tuple[int, int, int] | None = None
    """The places (from 0) of red, green and blue among the L bands; None if there are no colours."""


@dataclass(frozen=True)
class Degradation:
    """One entry of the registry. Its name is the kind in degrade.csv."""

    name: str
    about: str
    """What it does: the first paragraph of the function's docstring."""
    change: Callable[[Shot, float], "Tensor"]
    """The levels of a shot at a strength: a new tensor of the same shape."""
    unit: str
    strengths: tuple[float, ...]
    """In the unit, in the order of degrade.csv."""
    needs_colors: bool = False
    """Whether it is for images with red, green and blue alone."""


DEGRADATIONS: dict[str, Degradation] = {}
"""All degradations by name, in the order of degrade.csv."""

Change = TypeVar("Change", bound=Callable[[Shot, float], "Tensor"])


def degradation(unit: str, strengths: tuple[float, ...], needs_colors: bool = False) -> Callable[[Change], Change]:
    """A decorator that enters a function into the registry, under its name."""

    def register(change: Change) -> Change:
        about = " ".join((change.__doc__ or "").split("\n\n")[0].split())
        DEGRADATIONS[change.__name__] = Degradation(change.__name__, about, change, unit, strengths, needs_colors)
        return change

    return register


@degradation("factor", (2, 3, 4))
def resolution(shot: Shot, factor: float) -> "Tensor":
    """Pixels larger by the factor: the mean of each square of factor x factor px, then bilinear to the old size.

    Where the side is no multiple of the factor, the last pixels are repeated.
    """
    import torch.nn.functional as F

    times = int(factor)
    height, width = shot.levels.shape[-2:]
    padded = F.pad(shot.levels, (0, -width % times, 0, -height % times), mode="replicate")
    coarse = F.avg_pool2d(padded, times)
    return F.interpolate(coarse, scale_factor=times, mode="bilinear")[..., :height, :width]


@degradation("quality", (90, 70, 50, 30, 15))
def jpeg(shot: Shot, quality: float) -> "Tensor":
    """Written and read as JPEG of this quality: three bands as one colour file, others each as a grey file.

    The codec is Pillow's, with its quality scale of 1 to 95 and colours at half the resolution (4:2:0). JPEG has 8
    bits: levels are rounded, and clipped to 0 to 255.
    """
    import torch

    n_bands = shot.levels.shape[1]
    files = [list(shot.rgb or range(3))] if n_bands == 3 else [[band] for band in range(n_bands)]
    pixels = shot.levels.clamp(0, WHITE).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    read = np.empty_like(pixels)
    for patch, target in zip(pixels, read, strict=True):
        for bands in files:
            stream = io.BytesIO()
            picture = np.ascontiguousarray(patch[..., bands].squeeze(-1) if len(bands) == 1 else patch[..., bands])
            Image.fromarray(picture).save(stream, "JPEG", quality=int(quality), subsampling="4:2:0")
            target[..., bands] = np.asarray(Image.open(stream)).reshape(*patch.shape[:2], len(bands))
    return torch.from_numpy(read).permute(0, 3, 1, 2).float()


@degradation("sigma in px", (0.5, 1, 2, 3))
def blur(shot: Shot, sigma: float) -> "Tensor":
    """Gaussian blur of this standard deviation, mirrored at the edges of the patch."""
    levels = _blurred_rows(shot.levels, sigma)
    return _blurred_rows(levels.transpose(2, 3), sigma).transpose(2, 3)


@degradation("dB of PSNR", (40, 30, 25, 20, 15))
def noise(shot: Shot, psnr_db: float) -> "Tensor":
    """Gaussian noise at this peak signal-to-noise ratio: its standard deviation is 255 / 10^(dB / 20) grey levels."""
    import torch

    shape = tuple(shot.levels.shape[1:])
    drawn = [np.random.default_rng((_NOISE, row)).standard_normal(shape, np.float32) for row in shot.rows]
    return shot.levels + WHITE / 10 ** (psnr_db / 20) * torch.from_numpy(np.stack(drawn))


@degradation("stops", (-2, -1, 1, 2))
def brightness(shot: Shot, stops: float) -> "Tensor":
    """Grey levels times 2^stops: one stop up doubles them, one down halves them."""
    return shot.levels * 2**stops


@degradation("stops", (-2, -1, 1, 2))
def contrast(shot: Shot, stops: float) -> "Tensor":
    """Distances from the mean level of the patch, over all its bands of light, times 2^stops."""
    mean = shot.levels.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (shot.levels - mean) * 2**stops


@degradation("stops of red over blue", (-1, -0.5, 0.5, 1), needs_colors=True)
def cast(shot: Shot, stops: float) -> "Tensor":
    """A colour cast: red times 2^(stops / 2), blue divided by as much; warm above 0, cool below."""
    red, _, blue = shot.rgb or (0, 1, 2)
    levels = shot.levels.clone()
    levels[:, red] *= 2 ** (stops / 2)
    levels[:, blue] /= 2 ** (stops / 2)
    return levels


@degradation("stops of attenuation", (0.25, 0.5, 1, 2))
def haze(shot: Shot, stops: float) -> "Tensor":
    """White light mixed in: levels times t plus white times 1 - t, with the transmission t = 2^-stops.

    The model of haze of Koschmieder (1924), with one distance for all pixels and white airlight.
    """
    transmission = 2**-stops
    return shot.levels * transmission + WHITE * (1 - transmission)


def _blurred_rows(levels: "Tensor", sigma: float) -> "Tensor":
    """Levels (B, L, H, W) blurred along W."""
    import torch
    import torch.nn.functional as F

    n, bands, height, width = levels.shape
    reach = min(math.ceil(_SIGMAS * sigma), width - 1)  # a mirror image has no more
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    rows = F.pad(levels.reshape(n * bands * height, 1, width), (reach, reach), mode="reflect")
    return F.conv1d(rows, (kernel / kernel.sum())[None, None]).reshape(n, bands, height, width)
