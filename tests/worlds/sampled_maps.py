"""Small maps of classes, as predict writes them, and the labels of points on them."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import shapely
from numpy.typing import NDArray

from terrazzo.pixels.rasters.gdal import gdal
from tests.worlds.rasters import GRID

NAMES = ("water", "road", "field")
SHAPE = (150, 223)


def write_map(path: Path, ids: NDArray[np.uint8], names: Sequence[str] = NAMES, **profile: object) -> Path:
    """Ids (H, W) as a raster with the tags of classes.tif."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"driver": "GTiff", "crs": "EPSG:32618", "transform": GRID, "nodata": 255, **profile}
    options = {name: value for name, value in options.items() if value is not None}
    height, width = ids.shape
    with gdal(), rasterio.open(path, "w", height=height, width=width, count=1, dtype="uint8", **options) as dataset:
        dataset.update_tags(**{f"CLASS_{i}": name for i, name in enumerate(names)})
        dataset.set_band_description(1, "class_id")
        dataset.write(ids, 1)
    return path


def striped_ids(height: int = SHAPE[0], width: int = SHAPE[1]) -> NDArray[np.uint8]:
    """Columns of 3 classes in shares of about 5, 25 and 70 %, with a corner of nodata."""
    ids = np.full((height, width), 2, np.uint8)
    ids[:, : width * 30 // 100] = 1
    ids[:, : width * 5 // 100] = 0
    ids[-7:, -11:] = 255
    return ids


def points_of(path: Path, layer: str = "points") -> dict[str, NDArray[np.generic]]:
    """The fields of a layer and `geometry`."""
    meta, _, wkb, columns = pyogrio.raw.read(str(path), layer=layer)
    found = dict(zip(meta["fields"].tolist(), columns, strict=True))
    return found if wkb is None else found | {"geometry": shapely.from_wkb(wkb)}


def fill_in(path: Path, references: Sequence[str | None], moved: dict[int, shapely.Point] | None = None) -> Path:
    """Give the points of a sample their references, as an interpreter does; and other places to some, by their row."""
    meta, _, wkb, columns = pyogrio.raw.read(str(path), layer="points")
    fields = dict(zip(meta["fields"].tolist(), columns, strict=True))
    fields["reference"] = np.array(references, np.object_)
    shapes = shapely.from_wkb(wkb)
    for row, place in (moved or {}).items():
        shapes[row] = place
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        pyogrio.raw.write(
            *(str(path), shapely.to_wkb(shapes), list(fields.values()), list(fields)),
            layer="points",
            driver="GPKG",
            geometry_type="Point",
            crs=meta["crs"],
        )
    return path


def labels_at(path: Path, truth: NDArray[np.uint8], names: Sequence[str] = NAMES) -> list[str]:
    """What an interpreter sees at each point of a sample: the names of the truth (H, W) on GRID."""
    shapes = points_of(path)["geometry"]
    cols = ((shapely.get_x(shapes) - GRID.c) / GRID.a).astype(int)
    rows = ((shapely.get_y(shapes) - GRID.f) / GRID.e).astype(int)
    return [names[i] for i in truth[rows, cols].tolist()]
