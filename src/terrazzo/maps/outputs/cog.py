"""Maps as Cloud-Optimized GeoTIFFs on the input's grid, written in bounded memory.

Parts come in any order and size, but a COG is written in one pass. So parts are collected in an uncompressed tiled
TIFF, whose tiles can be rewritten in place, and GDAL's COG driver copies it.
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
from terrazzo.maps.outputs.pyramid import BLOCK, pyramid
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE, NODATA, SECOND, Part
from terrazzo.pixels.rasters.gdal import gdal
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.system.files import write_beside

STRIP = BLOCK
"""Rows of a finished map that are read together, as high as its tiles."""
_COG = {
    "compress": "deflate",
    "level": 4,  # half the time of the default, 6; files are a seventh larger
    "resampling": "nearest",
    "overview_resampling": "nearest",
    "bigtiff": "if_safer",
    "num_threads": "all_cpus",  # the bytes do not change
}


@dataclass(frozen=True)
class MapSheet:
    """What a map is written with: grid, classes and key."""

    raster: Raster
    schema: ClassSchema
    key: str

    def bands(self, layer: str) -> tuple[str, ...]:
        """The names of a layer's bands."""
        named = {CLASSES: ("class_id",), CONFIDENCE: ("confidence_percent",), SECOND: ("class_id", "share_percent")}
        return named.get(layer, self.schema.names)

    def tags(self) -> dict[str, str]:
        """The tags of the files."""
        named = {f"CLASS_{i}": name for i, name in enumerate(self.schema.names)}
        return {"TERRAZZO_KEY": self.key, "CLASS_NAMES": ",".join(self.schema.names), **named}


def write_maps(
    parts: Iterable[Part], sheet: MapSheet, wanted: tuple[str, ...], folder: Path, drafted: tuple[str, ...] = ()
) -> None:
    """Write LAYER.tif of each wanted layer into the folder; pixels in no part are nodata, 255.

    Layers in `drafted` are left as drafts (`draft_of`), which the caller uses and removes. Raises InputError if the
    disk is full or the folder cannot be written to.
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
            finish_cog(drafts[layer], folder / f"{layer}.tif", sheet.raster)


def finish_cog(draft: Path, path: Path, raster: Raster) -> None:
    """Copy a draft on the grid of a raster into a Cloud-Optimized GeoTIFF at `path`, whole or not at all; remove it."""
    with write_beside(path) as temporary:
        rasterio.shutil.copy(draft, temporary, driver="COG", **_COG, **_shape(raster))
    draft.unlink()


def draft_profile(raster: Raster, n_bands: int, dtype: str = "uint8") -> dict[str, Any]:
    """The profile of an uncompressed tiled TIFF on the grid of a raster; tiles never written are nodata, 255."""
    return {
        "driver": "GTiff",
        "height": raster.height,
        "width": raster.width,
        "count": n_bands,
        "dtype": dtype,
        "nodata": NODATA,
        "tiled": True,
        "blockxsize": STRIP,
        "blockysize": STRIP,
        "interleave": "band",
        "sparse_ok": True,
        "bigtiff": "if_safer",
        **_place(raster),
    }


def draft_of(folder: Path, layer: str) -> Path:
    """The file in which a layer is collected before it becomes LAYER.tif."""
    return folder / f"{layer}.draft.tif"


def strips(path: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The first band of a map in strips (row, ids (h, W)) of 512 rows from the top."""
    with gdal(), rasterio.open(path) as dataset:
        for row in range(0, dataset.height, STRIP):
            height = min(STRIP, dataset.height - row)
            yield row, dataset.read(1, window=Window(0, row, dataset.width, height))


def thumbnail(path: Path, height: int, width: int) -> NDArray[np.uint8]:
    """The first band of a map at a smaller size (height, width), by nearest neighbour."""
    with gdal(), rasterio.open(path) as dataset:
        ids: NDArray[np.uint8] = dataset.read(1, out_shape=(height, width))
        return ids


@contextmanager
def collecting(folder: Path) -> Iterator[None]:
    """Turn GDAL's or the system's errors in writing into InputError naming the folder."""
    try:
        yield
    except (RasterioError, OSError) as error:
        said = " ".join(str(error.__cause__ or error).split())
        raise InputError(f"{folder}: cannot be written ({said}); make room there, or choose another --out") from error


@contextmanager
def _draft(path: Path, sheet: MapSheet, layer: str) -> Iterator[Any]:
    """An uncompressed tiled TIFF on the input's grid, open for writing; tiles never written are nodata."""
    bands = sheet.bands(layer)
    with rasterio.open(path, "w", **draft_profile(sheet.raster, len(bands))) as dataset:
        dataset.update_tags(**sheet.tags())
        for i, name in enumerate(bands, start=1):
            dataset.set_band_description(i, name)
        if layer == CLASSES:
            dataset.write_colormap(1, {i: (*map(int, color), 255) for i, color in enumerate(sheet.schema.palette)})
        yield dataset


def _shape(raster: Raster) -> Mapping[str, Any]:
    """The options for blocks and overviews; GDAL fails with a count of 0."""
    levels = pyramid(raster.height, raster.width)
    overviews = {"overview_count": levels.n_overviews} if levels.n_overviews else {"overviews": "none"}
    return {"blocksize": levels.block, **overviews}


def _place(raster: Raster) -> Mapping[str, Any]:
    """The raster's grid, or its ground control points if it has no grid, or nothing."""
    if not raster.transform.is_identity:
        return {"transform": raster.transform, "crs": raster.crs}
    if raster.gcps:
        return {"gcps": raster.gcps, "crs": raster.gcps_crs}
    return {"crs": raster.crs} if raster.crs is not None else {}
