"""Which bands of a raster are read, in which order, and what their stored values become (`bands.scaling`).

The user's choice comes first. Next comes the model, which records the bands and the scale of its training rasters. With
neither, all bands but alpha are read as they are.
"""

from collections.abc import Sequence

from rasterio.enums import ColorInterp

from terrazzo.errors import InputError
from terrazzo.pixels.bands.hints import hint
from terrazzo.pixels.bands.kinds import rgb_places
from terrazzo.pixels.bands.order import in_order, refuse_others
from terrazzo.pixels.bands.reading import AUTO, AskedScale, BandReading, BandScales, Pair, Pairs
from terrazzo.pixels.bands.scaling import scaled
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.reading import Choice
from terrazzo.system.reporting import how_many


def choose(
    raster: Raster,
    n_bands: int,
    bands: Sequence[str | int] | None = None,
    scale: AskedScale = None,
    trained: BandReading | None = None,
) -> Choice:
    """The bands of a raster for a model of `n_bands`, and how their values are read.

    `choose_bands`, `order.in_order` and `scaling.scaled` say more. Raises InputError with the remedy.
    """
    chosen = choose_bands(raster, n_bands, bands, trained)
    if bands is None:
        chosen = in_order(raster, chosen, trained)
        refuse_others(raster, chosen, trained)
    return scaled(raster, chosen, pairs_of(raster, chosen, scale), trained)


def choose_bands(
    raster: Raster, n_bands: int, bands: Sequence[str | int] | None = None, trained: BandReading | None = None
) -> tuple[int, ...]:
    """The numbers of the bands for a model of `n_bands`. Raises InputError with the remedy if there are more or fewer.

    `bands` names them, by number from 1 or by name. Without it, the bands of the training are read by name if the
    raster has them, otherwise all but alpha. Of four 8-bit bands with an undefined last one, these are the first three,
    unless their names say that they are not red, green and blue.
    """
    wanted = _as_trained(raster, trained) if bands is None else bands
    chosen = _all_bands(raster, n_bands) if wanted is None else tuple(_band(raster, band) for band in wanted)
    if len(chosen) != n_bands:
        count = f"--bands chooses {how_many(len(chosen), 'band')}" if bands is not None else f"has {_listed(raster)}"
        raise InputError(f"{raster.path}: {count}, the model takes {n_bands}; {hint(raster, n_bands, trained)}")
    return chosen


def pairs_of(raster: Raster, chosen: Sequence[int], scale: AskedScale) -> Pairs | None:
    """What `--scale` says of each chosen band (None: keep its values); None if it says nothing.

    Raises InputError where it names a band that is not read, and for `auto`, which is for `prepare` alone.
    """
    if scale is None:
        return None
    if scale == AUTO:
        raise InputError(f"--scale {AUTO}: is for prepare, which records the range; give LOW,HIGH, or leave it out")
    if not isinstance(scale, BandScales):
        return (scale,) * len(chosen)
    found: list[Pair | None] = [scale.others] * len(chosen)
    for word, pair in scale.by_band:
        number = _band(raster, word, "--scale")
        if number not in chosen:
            read = ", ".join(raster.names[band - 1] for band in chosen)
            raise InputError(f"{raster.path}: --scale {word}: is not among the bands that are read ({read})")
        found = [pair if band == number else each for band, each in zip(chosen, found, strict=True)]
    return tuple(found)


def _as_trained(raster: Raster, trained: BandReading | None) -> tuple[str, ...] | None:
    """The names of the bands that the model was trained on, if the raster has each of them once; otherwise None."""
    names = [name.casefold() for name in raster.names]
    if trained is None or not all(names.count(name.casefold()) == 1 for name in trained.names):
        return None
    return trained.names


def _all_bands(raster: Raster, n_bands: int) -> tuple[int, ...]:
    bands = tuple(i for i, color in enumerate(raster.colors, start=1) if color != ColorInterp.alpha.name)
    undefined_last = raster.colors[-1] == ColorInterp.undefined.name and raster.dtype == "uint8"
    plain = raster.names == raster.colors or rgb_places(raster.names[:3]) == (0, 1, 2)
    return bands[:3] if len(bands) == 4 and n_bands == 3 and undefined_last and plain else bands


def _band(raster: Raster, band: str | int, flag: str = "--bands") -> int:
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
    raise InputError(f"{raster.path}: {flag} {word}: names no band, or several; it has {_listed(raster)}")


def _listed(raster: Raster) -> str:
    """`2 bands (1 gray, 2 alpha)`."""
    names = ", ".join(f"{i} {name}" for i, name in enumerate(raster.names, start=1))
    return f"{how_many(raster.n_bands, 'band')} ({names})"
