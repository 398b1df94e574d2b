"""The rasters and labels that a command names; no file is opened here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.pixels.bands import parse_bands, parse_scale
from terrazzo.pixels.suffixes import RASTER_SUFFIXES, VIRTUAL


@dataclass(frozen=True)
class SceneInputs:
    """Paths of rasters and labels, and how both are read, by the options of those names."""

    images: Path
    labels: Path
    class_field: str | None = None
    layer: str | None = None
    bands: tuple[str, ...] | None = None
    scale: tuple[float, float] | None = None


def scene_inputs(
    data: Path,
    labels: Path | None,
    class_field: str | None,
    layer: str | None,
    bands: str | Sequence[str | int] | None = None,
    scale: str | Sequence[float] | None = None,
) -> SceneInputs | None:
    """The rasters and labels given to prepare; None without labels, when `data` is a data set of pictures.

    Raises InputError at a raster without labels, and at options for rasters without them.
    """
    if labels is not None:
        return SceneInputs(data, labels, class_field, layer, parse_bands(bands), parse_scale(scale))
    for flag, value in (("--class-field", class_field), ("--layer", layer), ("--bands", bands), ("--scale", scale)):
        if value is not None:
            raise InputError(f"{flag} {value}: is for rasters with labels; give these too, as in {data} labels.gpkg")
    if data.is_file() and data.suffix.lower() in (*RASTER_SUFFIXES, VIRTUAL):
        raise InputError(
            f"{data}: is a raster without labels; give them too, as in {data} labels.gpkg --class-field class"
        )
    return None
