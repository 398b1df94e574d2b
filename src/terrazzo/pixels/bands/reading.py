"""The options `--bands` and `--scale` of every command, from words to values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from terrazzo.errors import InputError
from terrazzo.system.options import RASTERS, Option

Bands = Annotated[
    str | Sequence[str | int] | None,
    Option("Bands to read, by number or name: 3,2,1; all but alpha if not given.", RASTERS),
]
Scale = Annotated[
    str | Sequence[str] | tuple[float, float] | Mapping[str, tuple[float, float]] | None,
    Option(
        "LOW,HIGH: the stored values that span the input of the network; NAME:LOW,HIGH for one band; auto, in prepare: "
        "2 to 98 % of the training patches.",
        RASTERS,
        many=True,
    ),
]
Nodata = Annotated[
    float | None,
    Option("A stored value that means no data, beside what the file itself says.", RASTERS),
]
Pair = tuple[float, float]
"""A low and a high value."""
Pairs = tuple[Pair | None, ...]
"""A pair for each band; None where the band's values are kept."""
AUTO: Literal["auto"] = "auto"
_EXPECTED = "expected two numbers LOW,HIGH, as in 0,3000, or with a band, as in red:0,3000"


@dataclass(frozen=True)
class BandScales:
    """A scale that is not the same for all bands."""

    by_band: tuple[tuple[str, Pair], ...]
    """The low and high value of each band that is named, by its name or number."""
    others: Pair | None = None
    """Those of all other bands; None: their values as they are."""

    def to_dict(self) -> dict[str, Pair]:
        """As a mapping; `*` stands for the other bands."""
        return dict(self.by_band) | ({} if self.others is None else {"*": self.others})


AskedScale = Pair | BandScales | Literal["auto"] | None
"""What `--scale` says: one pair for all bands, some by name, `auto`, or nothing."""


@dataclass(frozen=True)
class BandReading:
    """How the bands of a model's training rasters were read."""

    names: tuple[str, ...]
    """Their descriptions or colours, in the network's order."""
    scale: Pair | tuple[Pair, ...] | None = None
    """The stored values that became 0 and 255, of all bands or of each; None if they were 8-bit, or kept as stored."""
    levels: tuple[Pair, ...] | None = None
    """The low and high value of each band for a network that takes stored values; None for one that takes 8 bits."""


def parse_bands(bands: str | Sequence[str | int] | None) -> tuple[str, ...] | None:
    """`3, 2, red` as ("3", "2", "red"); None stays None. Raises InputError if a word is missing."""
    if bands is None:
        return None
    words = tuple(str(word).strip() for word in (bands.split(",") if isinstance(bands, str) else bands))
    if not words or not all(words):
        raise InputError(f"--bands {bands}: expected numbers from 1 or names with commas between them, as in 3,2,1")
    return words


def parse_scale(scale: Any) -> AskedScale:
    """`0,3000`, `["red:0,3000", "dsm:-5,40"]`, `auto`, a pair or a mapping as one value; None or nothing as None.

    Raises InputError for anything but pairs of two numbers, the lower first, each band once.
    """
    if scale is None or isinstance(scale, BandScales):
        return scale
    if isinstance(scale, Mapping):
        given = [(str(name).strip(), _pair(f"{name}:{_shown(values)}", values)) for name, values in scale.items()]
        return _by_band([("" if name == "*" else name, values) for name, values in given]) if given else None
    if isinstance(scale, str):
        return _of_words([scale])
    if isinstance(scale, Sequence) and all(isinstance(word, str) for word in scale):
        return _of_words(scale) if scale else None
    return _pair(_shown(scale), scale)


def _of_words(words: Sequence[str]) -> AskedScale:
    """The words of the command line, `LOW,HIGH`, `NAME:LOW,HIGH` or `auto`, as one value."""
    if AUTO in (word.strip() for word in words):
        if len(words) > 1:
            raise InputError(f"--scale {AUTO}: is for all bands; leave the others out")
        return AUTO
    found: list[tuple[str, Pair]] = []
    for word in words:
        name, separator, values = word.rpartition(":")
        if separator and not name.strip():
            raise InputError(f"--scale {word}: {_EXPECTED}")
        found.append((name.strip(), _pair(word, values)))
    return _by_band(found)


def _by_band(found: Sequence[tuple[str, Pair]]) -> Pair | BandScales:
    """The pairs by band; the name "" stands for all others. Raises InputError where one is given twice."""
    names = [name.casefold() for name, _ in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--scale {name or 'LOW,HIGH'}: is given {names.count(name)} times; give it once")
    others = next((values for name, values in found if not name), None)
    by_band = tuple((name, values) for name, values in found if name)
    return others if others is not None and not by_band else BandScales(by_band, others)


def _shown(values: Any) -> str:
    return values if isinstance(values, str) else ",".join(map(str, values)) if isinstance(values, Sequence) else values


def _pair(word: str, values: Any) -> Pair:
    """Two numbers, the lower first; `word` is what the error shows."""
    try:
        low, high = map(float, values.split(",") if isinstance(values, str) else values)
    except (TypeError, ValueError) as error:
        raise InputError(f"--scale {word}: {_EXPECTED}") from error
    if not float("-inf") < low < high < float("inf"):
        raise InputError(f"--scale {word}: expected LOW below HIGH, as in 0,3000")
    return low, high
