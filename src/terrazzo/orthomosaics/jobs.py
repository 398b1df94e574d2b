"""A raster checked against a model before anything is computed: what its map is made of, and where it goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.files import digest
from terrazzo.orthomosaics.journal import PARTIAL, check_journal, key_of
from terrazzo.orthomosaics.lattice import Lattice, cut
from terrazzo.orthomosaics.options import MapOptions
from terrazzo.orthomosaics.record import finished, library_versions, refuse_other_map
from terrazzo.prediction.model_file import ModelFile
from terrazzo.rasters import MAX_PIXELS, Choice, Raster, choose, read_raster


@dataclass(frozen=True)
class RasterJob:
    """A raster that can be mapped with a model, and where its map goes."""

    raster: Raster
    choice: Choice
    model: ModelFile
    options: MapOptions
    lattice: Lattice
    folder: Path
    made_of: Mapping[str, Any]
    """Everything that changes a value of the map."""

    @property
    def begun_as(self) -> dict[str, Any]:
        """What the journal belongs to: the pieces in it are those of one cut, though no value depends on it."""
        return {**self.made_of, "cut": [self.lattice.rows.run, self.lattice.cols.run]}

    @property
    def key(self) -> str:
        """The key of the map: equal keys are equal bytes."""
        return key_of(self.made_of)

    @property
    def n_pixels(self) -> int:
        """Pixels of the raster."""
        return self.raster.height * self.raster.width

    def finished(self) -> bool:
        """Whether the map is there already."""
        return finished(self.folder, self.key)

    def check_place(self, overwrite: bool, restart: bool) -> None:
        """Raise OutputExistsError where another map, or the unfinished work of another run, is in the way."""
        if not overwrite:
            refuse_other_map(self.folder, self.key)
        if not self.finished():
            check_journal(self.folder / PARTIAL, self.begun_as, restart)


def check_model(model: ModelFile) -> None:
    """Raise InputError where the model does not look at images window by window."""
    if model.tiling.whole:
        raise InputError(
            f"{model.path}: sees whole images resized to {model.tiling.window} px (--fit resize), not windows; "
            "rasters need a model that was trained on crops"
        )
    if model.tiling.downsample > 1:
        raise InputError(
            f"{model.path}: was trained on images read at 1/{model.tiling.downsample:g} of their size (--downsample); "
            "reduce the raster so with gdalwarp, or train without --downsample"
        )


def plan_map(path: Path, folder: Path, model: ModelFile, options: MapOptions) -> RasterJob:
    """The raster at `path`, checked against the model. Raises ImageError or InputError with the remedy."""
    raster = read_raster(path, options.max_pixels or MAX_PIXELS)
    choice = choose(raster, model.header.bands, options.bands, options.scale)
    lattice = cut(model.tiling.axes(raster.height, raster.width), model.header.schema.n_classes, options.run)
    made_of = {
        "model": model.digest,
        "raster": digest(raster.identity),
        "bands": list(choice.bands),
        "scale": None if choice.scale is None else list(choice.scale),
        "window": model.tiling.window,
        "overlap": model.tiling.overlap,
        "batch_size": model.tiling.batch_size,
        "layers": list(options.layers),
        "tta": options.tta,
        "vectors": [options.vectors, options.mapping_unit],
        "device": model.device,
        "precision": model.precision,
        "library_versions": library_versions(),
    }
    return RasterJob(raster, choice, model, options, lattice, folder, made_of)
