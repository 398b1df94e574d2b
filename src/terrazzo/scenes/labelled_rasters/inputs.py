"""The rasters and labels that a command names; no file is opened here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.pixels.bands.reading import parse_bands, parse_scale
from terrazzo.pixels.rasters.formats import driver_of, way_out


@dataclass(frozen=True)
class SceneInputs:
    """Paths of rasters and labels, and how both are read, by the options of those names."""

    images: Path
    labels: Path
    class_field: str | None = None
    layer: str | None = None
    bands: tuple[str, ...] | None = None
    scale: tuple[float, float] | None = None
    nodata: float | None = None

    def too_small(self, patch_size: int) -> str:
        """Why rasters that are all smaller than a patch are refused."""
        return (
            f"{self.images}: is smaller than a patch of {patch_size} px, so there is nothing to cut; "
            "use a smaller --patch-size, or --fit pad"
        )


def is_raster(data: Path) -> bool:
    """Whether a path is a file that is a raster by its name and the files beside it."""
    return data.is_file() and driver_of(data) is not None


def scene_inputs(data: Path, given: Mapping[str, Any]) -> SceneInputs | None:
    """The rasters and labels among the arguments of `prepare` or `inspect`; None without labels, for pictures.

    Raises InputError at a raster without labels, at options for rasters without them, and at addresses.
    """
    for word in (given.get("data", given.get("path")), given["labels"]):
        if isinstance(word, str) and re.match(r"\w+://", word):
            raise InputError(f"{word}: is an address; expected a file or folder on this machine")
    options = {name: given.get(name) for name in ("class_field", "layer", "bands", "scale", "nodata")}
    if given["labels"] is not None:
        options |= {"bands": parse_bands(options["bands"]), "scale": parse_scale(options["scale"])}
        return SceneInputs(data, Path(given["labels"]), **options)
    for name, value in options.items():
        if value is not None:
            flag = f"--{name.replace('_', '-')} {value}"
            raise InputError(f"{flag}: is for rasters with labels; give these too, as in {data} labels.gpkg")
    if (way := way_out(data)) and data.is_file():
        raise InputError(f"{data}: is no raster that is read; {way}")
    if is_raster(data):
        raise InputError(
            f"{data}: is a raster without labels; give them too, as in {data} labels.gpkg --class-field class"
        )
    return None
