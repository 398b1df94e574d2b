"""A raster on a coarser or finer grid of the same place, read window by window."""

from dataclasses import fields, replace

from rasterio.transform import Affine

from terrazzo.errors import InputError
from terrazzo.pixels.image_view import MOST_ENLARGED, ImageView
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.stacks.alignment import alignment
from terrazzo.pixels.rasters.stacks.stack import Part, StackedRaster


def at_gsd(raster: Raster, gsd_m: float) -> Raster:
    """The raster with pixels of `gsd_m` metres a side, over the same ground; itself where it has that size already.

    Laws: rows and columns follow `ImageView`, and the corners stay where they are. Values are averaged where the grid
    is much coarser, else bilinear; those of classes come from the nearest pixel (`alignment`). Raises InputError where
    the raster has no georeference, or more than twice the ground sampling distance.
    """
    sides = raster.ground_sides
    if sides is None:
        raise InputError(
            f"{raster.path}: --gsd {gsd_m:g}: has no georeference, so its ground sampling distance is not known; "
            "give it one with gdal_edit.py -a_srs EPSG:CODE"
        )
    if max(sides) > MOST_ENLARGED * gsd_m * (1 + 1e-9):
        raise InputError(
            f"{raster.path}: --gsd {gsd_m:g}: its pixels of {max(sides):.3g} m are more than twice as large; "
            f"give --gsd {max(sides) / MOST_ENLARGED:.3g} or more, or leave the raster out"
        )
    size = (raster.height, raster.width)
    height, width = (ImageView(downsample=gsd_m / side).reduced(size)[axis] for axis, side in enumerate(sides))
    if (height, width) == size:
        return raster
    transform = raster.transform @ Affine.scale(raster.width / width, raster.height / height)
    grid = replace(raster, height=height, width=width, transform=transform)
    if isinstance(raster, StackedRaster):
        parts = tuple(replace(part, how=alignment(part.raster, grid, part.name)) for part in raster.parts)
        return replace(raster, height=height, width=width, transform=transform, parts=parts)
    name = "rgb" if raster.palette is not None else ""
    part = Part(name, raster, alignment(raster, grid, name))
    own = {
        "dtype": raster.dtype,
        "nodata": None,
        "names": _without_alpha(raster, raster.names),
        "colors": _without_alpha(raster, raster.colors),
        "palette": None,
        "masked": True,
        "parts": (part,),
    }
    return StackedRaster(**{field.name: getattr(grid, field.name) for field in fields(Raster)} | own)


def native(raster: Raster) -> Raster:
    """The raster as it lies; of several as one, the first of them."""
    return raster.parts[0].raster if isinstance(raster, StackedRaster) else raster


def _without_alpha(raster: Raster, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of the bands that are no alpha, which is a mask in a stack."""
    return tuple(word for word, color in zip(words, raster.colors, strict=True) if color != "alpha")
