"""The files of a tile that is left out: the scene, the part that may be labelled, and corrections inside boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.boxes.blocks import SIDE, labelled_blocks
from benchmarks.places.folds import Places
from terrazzo.classes.palettes import DUBAI
from terrazzo.classes.schema import IGNORE
from terrazzo.system.files import write_beside

CRS, PIXEL_M = "EPSG:32640", 0.5
"""A place for the tiles, which have none: UTM zone 40 north, and about the ground sampling distance."""
FIELD = "class"


@dataclass(frozen=True)
class Tile:
    """A tile left out, with the files that are made of it below a folder."""

    name: str
    places: Places
    folder: Path

    @property
    def truth(self) -> NDArray[np.uint8]:
        """The ids (H, W), 255 where there is no label."""
        return self.places.truth(self.name)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.truth.shape
        return height, width

    def scene(self) -> Path:
        """The whole tile as a GeoTIFF that lies somewhere."""
        return self._written("whole", masked=False)

    def open_part(self) -> Path:
        """The tile with no data outside the blocks that may be labelled."""
        return self._written("open", masked=True)

    def polygons(self, boxes: Sequence[tuple[int, int]]) -> list[tuple[bytes, str]]:
        """The truth inside boxes, given by their (row, col) corners: outlines (WKB) in the scene's CRS, and classes."""
        import rasterio.features
        import shapely

        inside = np.zeros(self.shape, bool)
        for row, col in boxes:
            inside[row : row + SIDE, col : col + SIDE] = True
        ids = self.truth
        found = rasterio.features.shapes(ids, inside & (ids != IGNORE), 4, self._transform())
        return [(shapely.to_wkb(shapely.geometry.shape(shape)), DUBAI.names[int(number)]) for shape, number in found]

    def corner(self, x: float, y: float) -> tuple[int, int]:
        """(row, col) of a place in the scene's CRS."""
        col, row = ~self._transform() @ (x, y)
        return round(row), round(col)

    def _transform(self):  # type: ignore[no-untyped-def]  # affine.Affine, which has no types
        from affine import Affine

        east = 300_000 + 10_000 * int(self.name)  # tiles lie apart
        return Affine(PIXEL_M, 0, east, 0, -PIXEL_M, 2_800_000)

    def _written(self, kind: str, *, masked: bool) -> Path:
        import rasterio

        from terrazzo.pixels.rasters.gdal import gdal

        path = self.folder / kind / f"tile-{self.name}.tif"
        if path.is_file():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        source = self.places.scenes(self.name)[self.name]
        with gdal(), rasterio.open(source) as stitched:
            pixels = stitched.read()
        profile = {"dtype": "uint8", "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate"}
        where = {"crs": CRS, "transform": self._transform()}
        inside = rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True)
        size = self.shape[::-1]
        with (
            write_beside(path) as temporary,
            gdal(),
            inside,
            rasterio.open(temporary, "w", "GTiff", *size, 3, **profile, **where) as scene,
        ):
            scene.write(pixels)
            if masked:
                scene.write_mask(labelled_blocks(self.shape))
        return path


def write_corrections(path: Path, polygons: Sequence[tuple[bytes, str]]) -> None:
    """A GeoPackage of polygons of all tiles, with their class's name."""
    import pyogrio

    outlines, names = (np.array(each, object) for each in zip(*polygons, strict=True))
    with write_beside(path) as temporary:
        pyogrio.raw.write(
            *(temporary, outlines, [names], [FIELD]),
            layer="corrections",
            driver="GPKG",
            geometry_type="Polygon",
            crs=CRS,
        )
