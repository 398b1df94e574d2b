"""Maps as Cloud-Optimized GeoTIFFs on the input's grid, written in bounded memory.

Parts come in any order and size, a COG is written in one pass from a finished raster: so they are collected in an
uncompressed tiled TIFF, whose tiles can be written over in place, and GDAL's COG driver makes the rest.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import InputError
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE, NODATA, Part
from terrazzo.pixels.rasters import Raster, gdal
from terrazzo.system.files import write_beside

STRIP = 512
"""Rows that are read together of a finished map: its tiles are as high."""
_COG = {
    "compress": "deflate",
    "level": 4,  # half the time of the default 6, for files larger by a seventh
    "blocksize": STRIP,
    "overviews": "auto",
    "resampling": "nearest",
    "overview_resampling": "nearest",
    "bigtiff": "if_safer",
    "num_threads": "all_cpus",  # the bytes are the same
}


@dataclass(frozen=True)
class MapSheet:
    """A map to write: on which grid, of which classes, and under which key."""

    raster: Raster
    schema: ClassSchema
    key: str

    def bands(self, layer: str) -> tuple[str, ...]:
        """The names of a layer's bands."""
        if layer == CLASSES:
            return ("class_id",)
        return ("confidence_percent",) if layer == CONFIDENCE else self.schema.names

    def tags(self) -> dict[str, str]:
        """What the files say of themselves beside the pixels."""
        named = {f"CLASS_{i}": name for i, name in enumerate(self.schema.names)}
        return {"TERRAZZO_KEY": self.key, "CLASS_NAMES": ",".join(self.schema.names), **named}


def write_maps(
    parts: Iterable[Part], sheet: MapSheet, wanted: tuple[str, ...], folder: Path, drafted: tuple[str, ...] = ()
) -> None:
    """Write LAYER.tif of each wanted layer into the folder; what no part speaks of is nodata, 255.

    Of the layers in `drafted` only the draft (`draft_of`) is left there, for the caller to use and remove.
    Raises InputError where the disk is full or the folder cannot be written to.
    """
    drafts = {layer: draft_of(folder, layer) for layer in (*wanted, *drafted)}
    with collecting(folder), gdal():
        with ExitStack() as opened:
            sheets = {layer: opened.enter_context(_draft(path, sheet, layer)) for layer, path in drafts.items()}
            for part in parts:
                for layer, values in part.layers.items():
                    height, width = values.shape[1:]
                    sheets[layer].write(values, window=Window(part.col, part.row, width, height))
        for layer in wanted:
            draft = drafts[layer]
            with write_beside(folder / f"{layer}.tif") as temporary:
                rasterio.shutil.copy(draft, temporary, driver="COG", **_COG)
            draft.unlink()


def draft_of(folder: Path, layer: str) -> Path:
    """Where a layer is collected before it becomes LAYER.tif."""
    return folder / f"{layer}.draft.tif"


def strips(path: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The first band of a map in strips (row, ids (h, W)) of 512 rows from the top."""
    with gdal(), rasterio.open(path) as dataset:
        for row in range(0, dataset.height, STRIP):
            height = min(STRIP, dataset.height - row)
            yield row, dataset.read(1, window=Window(0, row, dataset.width, height))


def thumbnail(path: Path, height: int, width: int) -> NDArray[np.uint8]:
    """The first band of a map at a smaller size (height, width), by nearest neighbours."""
    with gdal(), rasterio.open(path) as dataset:
        ids: NDArray[np.uint8] = dataset.read(1, out_shape=(height, width))
        return ids


@contextmanager
def collecting(folder: Path) -> Iterator[None]:
    """Turn what GDAL or the system says against writing into InputError naming the folder."""
    try:
        yield
    except (RasterioError, OSError) as error:
        said = " ".join(str(error.__cause__ or error).split())
        raise InputError(f"{folder}: cannot be written ({said}); make room there, or choose another --out") from error


@contextmanager
def _draft(path: Path, sheet: MapSheet, layer: str) -> Iterator[Any]:
    """An uncompressed tiled TIFF on the input's grid, open for writing; tiles that are never written are nodata."""
    raster, bands = sheet.raster, sheet.bands(layer)
    profile = {
        "driver": "GTiff",
        "height": raster.height,
        "width": raster.width,
        "count": len(bands),
        "dtype": "uint8",
        "nodata": NODATA,
        "tiled": True,
        "blockxsize": STRIP,
        "blockysize": STRIP,
        "interleave": "band",
        "sparse_ok": True,
        "bigtiff": "if_safer",
        **_place(raster),
    }
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.update_tags(**sheet.tags())
        for i, name in enumerate(bands, start=1):
            dataset.set_band_description(i, name)
        if layer == CLASSES:
            dataset.write_colormap(1, {i: (*map(int, color), 255) for i, color in enumerate(sheet.schema.palette)})
        yield dataset


def _place(raster: Raster) -> Mapping[str, Any]:
    """Where the raster lies: its grid; or its ground control points where it has no grid of its own; or nothing."""
    if not raster.transform.is_identity:
        return {"transform": raster.transform, "crs": raster.crs}
    if raster.gcps:
        return {"gcps": raster.gcps, "crs": raster.gcps_crs}
    return {"crs": raster.crs} if raster.crs is not None else {}
