"""Corrections on the grid of the image that they correct, and as the file of labels that `prepare` reads."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from terrazzo.maps.polygons.layers import GEOMETRY, GEOPACKAGE_VERSION, steady
from terrazzo.pixels.bounds import moved
from terrazzo.pixels.geodesy import terrestrial
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.serving.jobs.tasks.kept_aside import kept_aside
from terrazzo.serving.results.corrections import CLASS, kept_corrections, pixels_from
from terrazzo.system.files import write_beside

Shapes = NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Polygons (n,) in pixels of a raster, (x, y) from the upper left corner, with the name of the class of each."""

    polygons: Shapes
    classes: tuple[str, ...]
    used: tuple[bool | None, ...] = ()
    """Which were kept aside (True) or trained on (False) before, and which are new (None); all are if it is empty."""

    def __len__(self) -> int:
        return len(self.classes)

    def at(self, places: Sequence[int]) -> "Drawn":
        """Those at these places."""
        return Drawn(self.polygons[list(places)], tuple(self.classes[place] for place in places))

    def divided(self) -> tuple["Drawn", "Drawn"]:
        """Those to train on, and those that are kept aside."""
        aside = kept_aside(self.classes, self.used)
        return self.at([place for place in range(len(self)) if place not in set(aside)]), self.at(aside)


def draw_on(path: Path, raster: Raster) -> Drawn:
    """The corrections in the file at `path` on the grid of a raster."""
    found = kept_corrections(path)
    ground = terrestrial(raster.crs) if raster.georeferenced else None
    shapes = np.array([shapely.geometry.shape(each.geometry) for each in found.polygons], np.object_)
    placed = shapely.transform(shapely.force_2d(shapes), pixels_from(ground, raster.transform))
    names, used = (tuple(getattr(each, field) for each in found.polygons) for field in ("name", "kept_aside"))
    return Drawn(placed, names, used)


def write_labels(drawn: Drawn, raster: Raster, path: Path) -> None:
    """Write polygons as a GeoPackage in the coordinates of a raster, with the field `class`."""
    crs = raster.crs.to_wkt() if raster.georeferenced and raster.crs is not None else None
    shapes = shapely.transform(drawn.polygons, partial(moved, raster.transform))
    with write_beside(path) as temporary, steady(), warnings.catch_warnings():
        if crs is None:  # a photo has no CRS, so neither have its labels
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        pyogrio.raw.write(
            str(temporary),
            shapely.to_wkb(shapes),
            [np.array(drawn.classes, np.object_)],
            [CLASS],
            layer="corrections",
            driver="GPKG",
            geometry_type="Unknown",
            crs=crs,
            dataset_options={"VERSION": GEOPACKAGE_VERSION},
            layer_options={"GEOMETRY_NAME": GEOMETRY},
        )
