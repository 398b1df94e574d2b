"""The rasters and labels that a command names; no file is opened here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.pixels.bands.order import expected
from terrazzo.pixels.bands.reading import AskedScale, BandReading, Pairs, parse_bands, parse_scale
from terrazzo.pixels.rasters.formats import driver_of, way_out
from terrazzo.pixels.rasters.stacks.spec import StackSpec, stack_spec
from terrazzo.scenes.naming import hold_pictures


@dataclass(frozen=True)
class TrainedInput:
    """What a model was trained on, as far as it decides how rasters are read."""

    where: str
    """The path of the model."""
    n_bands: int
    reading: BandReading | None = None
    """The bands and scale of its training rasters; None of photos."""
    gsd_m: float | None = None
    """Metres per pixel of its training images as they lie; None where that is not known."""
    downsample: float = 1.0
    """The images were read at 1 / this of their height and width."""
    scale: Pairs | None = None
    """The low and high value that training was given for each band of stored values; None: for none."""

    @property
    def band_names(self) -> tuple[str, ...]:
        """What the network's bands show; empty where that is not known."""
        return expected(self.n_bands, self.reading)


@dataclass(frozen=True)
class SceneInputs:
    """Paths of rasters and labels, and how both are read, by the options of those names."""

    images: Path | StackSpec
    labels: Path
    class_field: str | None = None
    layer: str | None = None
    bands: tuple[str, ...] | None = None
    scale: AskedScale = None
    nodata: float | None = None
    gsd_m: float | None = None
    """Metres per pixel at which the rasters are read; None: as they lie."""
    trained: TrainedInput | None = None
    """What the labels' model was trained on, which decides bands, scale and ground sampling distance."""

    def too_small(self, patch_size: int) -> str:
        """Why rasters that are all smaller than a patch are refused."""
        return (
            f"{self.images}: is smaller than a patch of {patch_size} px, so there is nothing to cut; "
            "use a smaller --patch-size, or --fit pad"
        )

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files and folders of rasters and labels."""
        return (*((self.images,) if isinstance(self.images, Path) else self.images.paths), self.labels)


def is_raster(data: Path) -> bool:
    """Whether a path is a file that is a raster by its name and the files beside it."""
    return data.is_file() and driver_of(data) is not None


def scene_inputs(data: Path, given: Mapping[str, Any]) -> SceneInputs | None:
    """The rasters and labels among the arguments of `prepare` or `inspect`; None for pictures.

    Two folders of pictures are told by `hold_pictures`. Raises InputError at a raster without labels, at options for
    rasters without them, and at addresses.
    """
    for word in (given.get("data", given.get("path")), given["labels"]):
        if isinstance(word, str) and re.match(r"\w+://", word):
            raise InputError(f"{word}: is an address; expected a file or folder on this machine")
    options = {name: given.get(name) for name in ("class_field", "layer", "bands", "scale", "nodata")}
    patterns = [name for name in ("image_suffix", "mask_suffix") if given.get(name) is not None]
    for_rasters = any(value is not None for value in options.values())
    if given["labels"] is not None and not hold_pictures(data, Path(given["labels"]), for_rasters):
        if patterns:
            flag = f"--{patterns[0].replace('_', '-')} {given[patterns[0]]}"
            raise InputError(f"{flag}: is for folders of pictures; {data} and {given['labels']} are read as rasters")
        options |= {"bands": parse_bands(options["bands"]), "scale": parse_scale(options["scale"])}
        return SceneInputs(stack_spec(data) or data, Path(given["labels"]), **options)
    for name, value in options.items():
        if value is not None:
            words = " ".join(value) if isinstance(value, list) else value
            flag = f"--{name.replace('_', '-')} {words}"
            if given["labels"] is not None:
                raise InputError(f"{flag}: is for rasters; {data} and {given['labels']} hold pictures; leave it out")
            raise InputError(f"{flag}: is for rasters with labels; give these too, as in {data} labels.gpkg")
    if (way := way_out(data)) and data.is_file():
        raise InputError(f"{data}: is no raster that is read; {way}")
    if stack_spec(data) is not None or is_raster(data):
        raise InputError(
            f"{data}: is a raster without labels; give them too, as in {data} labels.gpkg --class-field class"
        )
    return None
