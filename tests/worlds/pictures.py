"""Pictures with masks of ids in images/ and masks/, one by one; equal seeds give equal pictures."""

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from tests.worlds.handmade import photo, write
from tests.worlds.rasters import GRID, write_raster

SIDE = 64
NAMES = ("ground", "roof", "road")


def table(root: Path, names: tuple[str, ...] = NAMES) -> Path:
    """A class table with an id a name, beside the data set."""
    rows = [f"{number},{name}" for number, name in enumerate(names)]
    root.parent.mkdir(parents=True, exist_ok=True)
    path = root.parent / f"{root.name}.csv"
    path.write_text("\n".join(["id,name", *rows]) + "\n", encoding="utf-8")
    return path


def ids(height: int = SIDE, width: int = SIDE, classes: tuple[int, ...] = (0, 1, 2)) -> NDArray[np.uint8]:
    """Horizontal bands of these classes, (height, width)."""
    rows = np.array(classes, np.uint8)[np.arange(height) * len(classes) // height]
    return np.repeat(rows[:, None], width, axis=1)


def pair(folder: Path, name: str, seed: int, mask: NDArray[np.uint8] | None = None) -> None:
    """A picture and its mask below `folder`: PNGs of 64 x 64 px, or of the mask's size."""
    mask = ids() if mask is None else mask
    write(folder / "images" / f"{name}.png", photo(*mask.shape, seed))
    write(folder / "masks" / f"{name}.png", mask)


def tile(folder: Path, name: str, scene: NDArray[np.uint8], at: tuple[int, int], side: int = SIDE) -> None:
    """The window of a scene (3, H, W) at (row, col) as a GeoTIFF with its mask, which has no place."""
    row, col = at
    (folder / "images").mkdir(parents=True, exist_ok=True)
    window = scene[:, row : row + side, col : col + side]
    place = GRID @ Affine.translation(col, row)
    write_raster(folder / "images" / f"{name}.tif", window, transform=place, photometric="RGB")
    write(folder / "masks" / f"{name}.png", ids(side, side))


def place_of(path: Path) -> Affine:
    """The transform of a raster."""
    with rasterio.open(path) as dataset:
        return dataset.transform
