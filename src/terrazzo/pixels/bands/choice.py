"""Which bands of a raster are read, in which order, and which stored values become 0 and 255.

The user's choice comes first. Next comes the model, which records the bands and the scale of its training rasters. With
neither, all bands but alpha are read as they are.
"""

from collections.abc import Sequence

from rasterio.enums import ColorInterp

from terrazzo.errors import InputError
from terrazzo.pixels.bands.hints import hint
from terrazzo.pixels.bands.kinds import rgb_places
from terrazzo.pixels.bands.reading import BandReading
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.reading import Choice


def choose(
    raster: Raster,
    n_bands: int,
    bands: Sequence[str | int] | None = None,
    scale: tuple[float, float] | None = None,
    trained: BandReading | None = None,
) -> Choice:
    """The bands of a raster for a model of `n_bands`. Raises InputError with the remedy if there are more or fewer.

    `bands` names them, by number from 1 or by name. Without it, the bands of the training are read by name if the
    raster has them, otherwise all but alpha. Of four 8-bit bands with an undefined last one, these are the first three,
    unless their names say that they are not red, green and blue.
    """
    wanted = _as_trained(raster, trained) if bands is None else bands
    chosen = _all_bands(raster, n_bands) if wanted is None else tuple(_band(raster, band) for band in wanted)
    if len(chosen) != n_bands:
        count = f"--bands chooses {len(chosen)} bands" if bands is not None else f"has {_listed(raster)}"
        raise InputError(f"{raster.path}: {count}, the model takes {n_bands}; {hint(raster, n_bands, trained)}")
    return Choice(chosen, _scale(raster, trained) if scale is None else scale)


def _as_trained(raster: Raster, trained: BandReading | None) -> tuple[str, ...] | None:
    """The names of the bands that the model was trained on, if the raster has each of them once; otherwise None."""
    names = [name.casefold() for name in raster.names]
    if trained is None or not all(names.count(name.casefold()) == 1 for name in trained.names):
        return None
    return trained.names


def _scale(raster: Raster, trained: BandReading | None) -> tuple[float, float] | None:
    """The scale of the training, for a user who gives none. Raises InputError if it does not suit the raster."""
    known = trained.scale if trained else None
    eight_bits = raster.dtype == "uint8"
    if eight_bits and known is not None:
        raise InputError(
            f"{raster.path}: holds uint8 values, the model was trained on others, of which {known[0]:g} to "
            f"{known[1]:g} became 0 to 255; say with --scale LOW,HIGH which of these become 0 and 255"
        )
    if not eight_bits and known is None:
        raise InputError(
            f"{raster.path}: holds {raster.dtype} values, a network sees uint8; "
            "say with --scale LOW,HIGH which values become 0 and 255"
        )
    return known


def _all_bands(raster: Raster, n_bands: int) -> tuple[int, ...]:
    bands = tuple(i for i, color in enumerate(raster.colors, start=1) if color != ColorInterp.alpha.name)
    undefined_last = raster.colors[-1] == ColorInterp.undefined.name and raster.dtype == "uint8"
    plain = raster.names == raster.colors or rgb_places(raster.names[:3]) == (0, 1, 2)
    return bands[:3] if len(bands) == 4 and n_bands == 3 and undefined_last and plain else bands


def _band(raster: Raster, band: str | int) -> int:
    """The number from 1 of a band given by number or name."""
    word = str(band).strip()
    if word.isdigit():
        number = int(word)
        if 1 <= number <= raster.n_bands:
            return number
    else:
        found = [
            i for i, named in enumerate(raster.names, start=1) if word.casefold() in (named, named.casefold())
        ] or [i for i, color in enumerate(raster.colors, start=1) if word.casefold() == color]
        if len(found) == 1:
            return found[0]
    raise InputError(f"{raster.path}: --bands {word}: names no band, or several; it has {_listed(raster)}")


def _listed(raster: Raster) -> str:
    """`2 bands (1 gray, 2 alpha)`."""
    return f"{raster.n_bands} bands ({', '.join(f'{i} {name}' for i, name in enumerate(raster.names, start=1))})"
