"""The rasters and labels that a command names; no file is opened here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.pixels.bands.reading import parse_bands, parse_scale
from terrazzo.pixels.rasters.stacks.spec import StackSpec, stack_spec
from terrazzo.pixels.suffixes import RASTER_SUFFIXES, VIRTUAL


@dataclass(frozen=True)
class SceneInputs:
    """Paths of rasters and labels, and how both are read, by the options of those names."""

    images: Path | StackSpec
    labels: Path
    class_field: str | None = None
    layer: str | None = None
    bands: tuple[str, ...] | None = None
    scale: tuple[float, float] | None = None

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


def scene_inputs(data: Path, given: Mapping[str, Any]) -> SceneInputs | None:
    """The rasters and labels among the arguments of `prepare` or `inspect`; None without labels, for pictures.

    Raises InputError at a raster without labels, and at options for rasters without them.
    """
    options = {name: given.get(name) for name in ("class_field", "layer", "bands", "scale")}
    if given["labels"] is not None:
        options |= {"bands": parse_bands(options["bands"]), "scale": parse_scale(options["scale"])}
        return SceneInputs(stack_spec(data) or data, Path(given["labels"]), **options)
    for name, value in options.items():
        if value is not None:
            flag = f"--{name.replace('_', '-')} {value}"
            raise InputError(f"{flag}: is for rasters with labels; give these too, as in {data} labels.gpkg")
    if stack_spec(data) is not None or (data.is_file() and data.suffix.lower() in (*RASTER_SUFFIXES, VIRTUAL)):
        raise InputError(
            f"{data}: is a raster without labels; give them too, as in {data} labels.gpkg --class-field class"
        )
    return None
