"""Several models that predict together: the mean of their probabilities, and whether they go together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.model.header import Header
from terrazzo.model.predictor import Predictor
from terrazzo.pixels.bands.depth import Pixels

Member = tuple[Path, Header]
"""A model file and its header."""


@dataclass(frozen=True)
class Together:
    """Models of the same classes and input as one. The first one's header stands for all."""

    members: tuple[Predictor, ...]

    @property
    def header(self) -> Header:
        """The header of the first."""
        return self.members[0].header

    @property
    def batch_pixels(self) -> int:
        """How many pixels suit all of them."""
        return min(member.batch_pixels for member in self.members)

    def classify(self, pixels: Pixels) -> NDArray[np.float32]:
        """The mean of the members' probabilities (B, K, H, W), of equal weight, added up in their order."""
        total = self.members[0].classify(pixels).copy()
        for member in self.members[1:]:
            total += member.classify(pixels)
        total /= len(self.members)
        return total


def refuse_unlike(members: Sequence[Member]) -> None:
    """Raise InputError unless all models have the classes and the input of the first; names the first difference.

    What must agree: classes and their order, bands, how rasters and pixels are read, and the ground sampling distance.
    Patch sizes may differ.
    """
    (path, first), *others = members
    for other_path, other in others:
        found = _difference(first, other)
        if found is not None:
            what, ours, theirs = found
            raise InputError(
                f"{other_path}: {what} {theirs}, and {path} {ours}; models are combined only where these agree"
            )


def tiling_note(members: Sequence[Member]) -> str | None:
    """A note on models trained on patches of another size than the first's, whose windows all see; None if none is."""
    (path, first), *others = members
    size = first.patch_size
    unlike = [f"{each} (patches of {other.patch_size} px)" for each, other in others if other.patch_size != size]
    if not unlike:
        return None
    return f"all models see the windows of {path} (patches of {size} px), also {', '.join(unlike)}"


def _difference(first: Header, other: Header) -> tuple[str, str, str] | None:
    """What differs, in the first and in the other; None if nothing does that matters."""
    for number, names in enumerate(zip_longest(first.schema.names, other.schema.names)):
        if names[0] != names[1]:
            ours, theirs = ("none" if name is None else name for name in names)
            return f"class {number} is", ours, theirs
    if first.bands != other.bands:
        return "number of bands is", str(first.bands), str(other.bands)
    for what, ours, theirs in (
        ("bands are", _bands(first), _bands(other)),
        ("pixel type is", first.normalization.dtype, other.normalization.dtype),
        ("input scale is", first.normalization.scale, other.normalization.scale),
        ("scale of rasters is", _scale(first), _scale(other)),
        ("fit is", _fit(first), _fit(other)),
        ("downsample is", f"{first.downsample:g}", f"{other.downsample:g}"),
    ):
        if ours is not None and theirs is not None and ours != theirs:
            return what, ours, theirs
    if first.gsd_m is not None and other.gsd_m is not None:
        from terrazzo.pixels.geodesy import ALIKE  # loads pyproj, which photos do not need

        if max(first.gsd_m, other.gsd_m) > ALIKE * min(first.gsd_m, other.gsd_m):
            return "ground sampling distance is", f"{first.gsd_m:g} m", f"{other.gsd_m:g} m"
    return None


def _bands(header: Header) -> str | None:
    """The names of the bands; None if the model was trained on photos, which have red, green and blue."""
    reading = header.band_reading
    return None if reading is None else ", ".join(reading.names)


def _scale(header: Header) -> str | None:
    """The stored values that are read as 0 to 255; None if the model was trained on photos."""
    reading = header.band_reading
    if reading is None:
        return None
    scale = reading.scale
    pairs = (scale,) * len(reading.names) if scale is None or not isinstance(scale[0], tuple) else scale
    return ", ".join("as stored" if pair is None else f"{pair[0]:g} to {pair[1]:g}" for pair in pairs)


def _fit(header: Header) -> str:
    return "resize" if header.fit == "resize" else "windows"
