"""What an annotation file says of one picture: named polygons, and what in it is no area."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

Ring = Sequence[Sequence[float]] | NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Annotated:
    """One picture as annotated."""

    image: str
    """The image's file name or path, as the file gives it."""
    size: tuple[int, int] | None
    """(height, width) as the file gives it; None if it does not."""
    shapes: tuple[tuple[str, shapely.Polygon], ...]
    """Class name and polygon, in the file's order; in pixels from the upper left corner, or in shares of the sides."""
    in_shares: bool = False
    """Whether coordinates are shares of width and height, 0..1; else pixels."""


@dataclass(frozen=True, eq=False)
class Document:
    """What one annotation file holds."""

    pictures: tuple[Annotated, ...]
    names: tuple[str, ...] = ()
    """The class names in the file's own order, if it has one."""
    left: Counter[str] = field(default_factory=Counter)
    """What is no area or cannot be drawn, by kind, as in `box without a polygon`."""


def polygon(points: Ring) -> shapely.Polygon | None:
    """The polygon through points (n, 2) as (x, y); None if there are fewer than three different ones or no area.

    Raises ValueError or TypeError where the points are no numbers.
    """
    ring = np.asarray(points, np.float64).reshape(-1, 2)
    if len(ring) < 3 or not np.isfinite(ring).all():
        return None
    made = shapely.Polygon(ring)
    # A ring that crosses itself encloses area though its signed area may be 0.
    return None if shapely.convex_hull(made).area == 0 else made


def rectangle(x: float, y: float, width: float, height: float) -> shapely.Polygon | None:
    """The rectangle with its upper left corner at (x, y)."""
    return polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])


def ellipse(x: float, y: float, x_radius: float, y_radius: float) -> shapely.Polygon | None:
    """The ellipse around (x, y), as 72 points."""
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    return polygon(np.stack([x + x_radius * np.cos(angles), y + y_radius * np.sin(angles)], axis=1))


def outlined(mask: NDArray[np.bool_], left: float = 0, top: float = 0) -> list[shapely.Polygon]:
    """The areas of a mask (H, W) as polygons along its pixels' edges, moved by (left, top).

    Law: drawn again, they give the mask.
    """
    from rasterio.features import shapes
    from rasterio.transform import Affine

    from terrazzo.pixels.rasters.gdal import gdal

    with gdal():
        found = shapes(mask.astype(np.uint8), mask, connectivity=4, transform=Affine.translation(left, top))
        return [shapely.geometry.shape(outline) for outline, _ in found]
