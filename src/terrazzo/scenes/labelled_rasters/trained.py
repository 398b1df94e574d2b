"""Rasters read as a model reads them: its bands, its scale and its ground sampling distance."""

from collections.abc import Sequence
from dataclasses import replace

from terrazzo.errors import InputError
from terrazzo.pixels.bands.choice import choose
from terrazzo.pixels.bands.depth import EIGHT_BITS, pixel_type
from terrazzo.pixels.bands.order import order_note
from terrazzo.pixels.bands.reading import AskedScale
from terrazzo.pixels.geodesy import ALIKE
from terrazzo.pixels.image_view import MOST_ENLARGED
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.reading import Choice
from terrazzo.pixels.rasters.stacks.resampled import at_gsd
from terrazzo.scenes.labelled_rasters.inputs import TrainedInput
from terrazzo.system.reporting import Say


def as_trained(raster: Raster, trained: TrainedInput, say: Say) -> Raster:
    """The raster at the model's ground sampling distance; itself where they agree, or where either is not known.

    Distances that differ by a quarter at most agree. Raises InputError where a pixel is more than twice as large, or
    where the model sees reduced images and the raster's distance is not known.
    """
    sides = raster.ground_sides
    reduced = trained.downsample
    if sides is None or trained.gsd_m is None:
        if reduced == 1:
            return raster
        if sides is None:
            raise InputError(
                f"{raster.path}: {trained.where} sees images at 1/{reduced:g} of their size, and a raster without a "
                "georeference is not resampled; give it one with gdal_edit.py -a_srs EPSG:CODE"
            )
        wanted = max(sides) * reduced
    else:
        wanted = trained.gsd_m * reduced
    if max(wanted, *sides) <= ALIKE * min(wanted, *sides):
        return raster
    if max(sides) > MOST_ENLARGED * wanted * (1 + 1e-9):
        raise InputError(
            f"{raster.path}: has {max(sides):.3g} m a pixel, {trained.where} sees {wanted:.3g} m, less than half of "
            "that; give a finer raster of this place"
        )
    say(
        f"{raster.path}: is read at {wanted:.3g} m a pixel, as {trained.where} was trained, and not at its own "
        f"{max(sides):.3g} m"
    )
    return at_gsd(raster, wanted)


def choice_as_trained(
    raster: Raster, trained: TrainedInput, bands: Sequence[str] | None, scale: AskedScale, say: Say
) -> Choice:
    """The bands and values of a raster for the model's network, as `predict` reads them. Raises InputError."""
    choice = choose(raster, trained.n_bands, bands, scale, trained.reading)
    note = None if bands else order_note(raster, choice.bands, trained.reading)
    if note is not None:
        say(note)
    return choice


def of_one_type(choices: Sequence[Choice], rasters: Sequence[Raster]) -> list[Choice]:
    """The choices with one pixel type for all: of stored values the narrowest that holds them."""
    if all(choice.dtype == EIGHT_BITS for choice in choices):
        return list(choices)
    scaled = any(choice.scale is not None for choice in choices)
    dtype = "float32" if scaled else pixel_type(raster.dtype for raster in rasters)
    return [replace(choice, dtype=dtype) for choice in choices]
