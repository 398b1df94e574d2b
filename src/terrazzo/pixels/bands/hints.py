"""The bands to propose where a raster has not as many as a model takes: by what they show, never by their position."""

from collections.abc import Iterable
from pathlib import Path

from rasterio.enums import ColorInterp

from terrazzo.pixels.bands.band_files import colours_of_set
from terrazzo.pixels.bands.kinds import COLOURS, colour_of, is_light, rgb_places
from terrazzo.pixels.bands.reading import BandReading
from terrazzo.pixels.rasters.raster import Raster

_RGB = len(COLOURS)


def hint(raster: Raster, n_bands: int, trained: BandReading | None = None) -> str:
    """What to do for a model of `n_bands`, in words: bands to choose, or files to give as one raster.

    Bands are proposed as the training's where each is known, else as red, green and blue, else a grey one three times.
    Law: alpha is never proposed as a colour, and nothing is proposed that no name or colour interpretation supports.
    """
    plain = _but_alpha(raster)
    chosen = _of_training(raster, plain, n_bands, trained) or (_as_rgb(raster, plain) if n_bands == _RGB else ())
    if chosen:
        return f"choose them, as in --bands {_listed(chosen)}"
    if len(plain) < raster.n_bands == n_bands:
        return f"its alpha is left out; if that is a band, read it with --bands {_listed(range(1, n_bands + 1))}"
    if len(plain) == 1 and n_bands == _RGB:
        return _of_one(raster, plain[0])
    if len(plain) < n_bands:
        return "give a raster with those bands"
    return f"choose {n_bands} of them by number or name, with --bands"


def _of_one(raster: Raster, band: int) -> str:
    """What to do with a raster of one band for a model of red, green and blue."""
    colours = colours_of_set(raster.path) if isinstance(raster.path, Path) else None
    if colours is not None:
        several = ",".join(f"{colour}={path}" for colour, path in colours.items())
        return f'it is one band of a set; give three as one raster, as in "{several}"'
    if raster.colors[band - 1] == ColorInterp.gray.name and is_light(raster.names[band - 1]):
        return f"choose them, as in --bands {_listed([band] * _RGB)}"
    return "give a raster of red, green and blue"


def _of_training(raster: Raster, plain: list[int], n_bands: int, trained: BandReading | None) -> tuple[int, ...]:
    """The bands that show what the training's did, each known by its colour; empty if one is not."""
    if trained is None or len(trained.names) != n_bands:
        return ()
    found = []
    for name in trained.names:
        colour = colour_of(name)
        alike = [
            band
            for band in plain
            if raster.names[band - 1].casefold() == name.casefold()
            or (colour is not None and colour_of(raster.names[band - 1]) == colour)
        ]
        if len(alike) != 1:
            return ()
        found += alike
    return tuple(found)


def _as_rgb(raster: Raster, plain: list[int]) -> tuple[int, ...]:
    """Red, green and blue by their names, else by their colour interpretation; empty if one is missing or not alone."""
    for names in (raster.names, raster.colors):
        places = rgb_places([names[band - 1] for band in plain])
        if places is not None:
            return tuple(plain[place] for place in places)
    return ()


def _but_alpha(raster: Raster) -> list[int]:
    return [i for i, color in enumerate(raster.colors, start=1) if color != ColorInterp.alpha.name]


def _listed(bands: Iterable[int]) -> str:
    return ",".join(map(str, bands))
