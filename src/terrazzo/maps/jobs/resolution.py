"""The size at which a network sees a raster, and whether its ground sampling distance is that of training."""

from terrazzo.errors import InputError
from terrazzo.maps.pieces.resampling import ScaledAxis
from terrazzo.maps.pieces.working_grid import WorkingGrid
from terrazzo.model.header import Header
from terrazzo.model.opening import ModelFile
from terrazzo.pixels.geodesy import ALIKE
from terrazzo.pixels.image_view import ImageView
from terrazzo.pixels.rasters.raster import Raster


def working_grid(raster: Raster, model: ModelFile, resample: bool, max_pixels: int) -> WorkingGrid:
    """The grid on which a model sees a raster. Raises InputError if it is not known, or too large.

    With `resample` its pixels have the ground sampling distance of training, along rows and columns alike. Otherwise
    it is the raster at 1 / `downsample` of its size. A model of whole images has a grid of one window.
    """
    if resample:
        check_resampling(model)
    tiling = model.tiling
    size = (raster.height, raster.width)
    if tiling.whole:
        return WorkingGrid(*(ScaledAxis(length, tiling.window, "triangle") for length in size))
    factors = _factors(raster, model) if resample else (tiling.downsample,) * 2
    seen = tuple(ImageView(downsample=factor).reduced(size)[axis] for axis, factor in enumerate(factors))
    if seen[0] * seen[1] > max_pixels:
        raise InputError(
            f"{raster.path}: --resample makes {seen[0]} x {seen[1]} pixels of {size[0]} x {size[1]}, more than "
            f"{max_pixels}; leave it out, or allow them with --max-pixels {seen[0] * seen[1]}"
        )
    rows, cols = (
        ScaledAxis(length, wanted, "area" if wanted <= length else "triangle")
        for length, wanted in zip(size, seen, strict=True)
    )
    return WorkingGrid(rows, cols)


def check_resampling(model: ModelFile) -> None:
    """Raise InputError if a model does not know its ground sampling distance."""
    if model.tiling.whole:
        raise InputError(
            f"--resample: {model.path} sees whole images (--fit resize), whatever their size; leave it out"
        )
    if model.header.gsd_m is None:
        raise InputError(
            f"--resample: {model.path} does not know the ground sampling distance of its training; train it "
            "on georeferenced rasters, or leave --resample out and resample the raster with gdalwarp -tr"
        )


def other_resolution(raster: Raster, header: Header) -> str | None:
    """A note on a raster whose ground sampling distance is not that of training; None if they agree or are unknown."""
    if header.gsd_m is None or header.fit == "resize":
        return None
    gsd_m = raster.gsd_m
    if gsd_m is None or max(gsd_m, header.gsd_m) <= ALIKE * min(gsd_m, header.gsd_m):
        return None
    return (
        f"{raster.path}: has {gsd_m:.3g} m a pixel, the model was trained at {header.gsd_m:.3g} m; "
        "read it at that resolution with --resample"
    )


def _factors(raster: Raster, model: ModelFile) -> tuple[float, float]:
    """How many of the raster's rows and columns one of the working grid spans."""
    sides = raster.ground_sides
    if sides is None or model.header.gsd_m is None:
        raise InputError(
            f"{raster.path}: --resample: its ground sampling distance is not known (no coordinate reference system "
            "on the earth); give it one with gdal_edit.py -a_srs, or leave --resample out"
        )
    seen_m = model.header.gsd_m * model.tiling.downsample
    return seen_m / sides[0], seen_m / sides[1]
