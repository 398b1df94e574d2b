"""Class maps as `predict` writes them: ids with the names and colours of their classes."""

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from tests.worlds.rasters import GRID

NAMES = ("road", "water", "wood")
COLORS = ((200, 100, 0), (0, 0, 200), (0, 200, 40))


def write_class_map(
    path: Path,
    ids: NDArray[np.uint8],
    names: tuple[str, ...] = NAMES,
    grid: Affine = GRID,
    crs: str | None = "EPSG:32618",
    colors: tuple[tuple[int, int, int], ...] = (),
) -> Path:
    """Ids (H, W) as a tiled GeoTIFF with the tags and colours of a map."""
    given = colors or tuple(COLORS[i % 3] for i in range(len(names)))
    path.parent.mkdir(parents=True, exist_ok=True)
    size = {"height": ids.shape[0], "width": ids.shape[1], "count": 1, "dtype": "uint8", "nodata": 255}
    tiles = {"tiled": True, "blockxsize": 128, "blockysize": 128}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=grid, **size, **tiles) as dataset:
        dataset.write(np.asarray(ids, np.uint8), 1)
        dataset.update_tags(**{f"CLASS_{i}": name for i, name in enumerate(names)})
        dataset.write_colormap(1, {i: (*color, 255) for i, color in enumerate(given)})
    return path
