"""The options `--bands` and `--scale` of every command, from words to values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from terrazzo.errors import InputError
from terrazzo.system.options import RASTERS, Option

Bands = Annotated[
    str | Sequence[str | int] | None,
    Option("Bands to read, by number or name: 3,2,1; all but alpha if not given.", RASTERS),
]
Scale = Annotated[
    str | tuple[float, float] | None,
    Option("LOW,HIGH: the stored values that become 0 and 255, for rasters that are not 8-bit.", RASTERS),
]
Nodata = Annotated[
    float | None,
    Option("A stored value that means no data, beside what the file itself says.", RASTERS),
]


@dataclass(frozen=True)
class BandReading:
    """How the bands of a model's training rasters were read."""

    names: tuple[str, ...]
    """Their descriptions or colours, in the network's order."""
    scale: tuple[float, float] | None = None
    """The stored values that became 0 and 255; None if they were 8-bit."""


def parse_bands(bands: str | Sequence[str | int] | None) -> tuple[str, ...] | None:
    """`3, 2, red` as ("3", "2", "red"); None stays None. Raises InputError if a word is missing."""
    if bands is None:
        return None
    words = tuple(str(word).strip() for word in (bands.split(",") if isinstance(bands, str) else bands))
    if not words or not all(words):
        raise InputError(f"--bands {bands}: expected numbers from 1 or names with commas between them, as in 3,2,1")
    return words


def parse_scale(scale: str | Sequence[float] | None) -> tuple[float, float] | None:
    """`0,3000` as (0.0, 3000.0); None stays None. Raises InputError for anything but two numbers, the lower first."""
    if scale is None:
        return None
    try:
        low, high = map(float, scale.split(",") if isinstance(scale, str) else scale)
    except ValueError as error:
        raise InputError(f"--scale {scale}: expected two numbers LOW,HIGH, as in 0,3000") from error
    if not float("-inf") < low < high < float("inf"):
        raise InputError(f"--scale {scale}: expected LOW below HIGH, as in 0,3000")
    return low, high
