"""Bands of a raster in the order of what a network was trained on, as far as their names or colours say it.

Law: B02, B03, B04 go into a network of red, green and blue as B04, B03, B02. Bands whose names say nothing keep the
order of the file. Bands that are known to show something else are refused, unless the user chooses them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from terrazzo.errors import InputError
from terrazzo.pixels.bands.kinds import COLOURS, colour_of, is_light, only_numbered
from terrazzo.pixels.bands.reading import BandReading

if TYPE_CHECKING:
    from terrazzo.pixels.rasters.raster import Raster

ALPHA = "alpha"
_RGB = tuple(COLOURS)


def expected(n_bands: int, trained: BandReading | None) -> tuple[str, ...]:
    """The names of the network's bands: those of its training, red, green and blue of three bands; else none."""
    if trained is not None and len(trained.names) == n_bands:
        return trained.names
    return _RGB if trained is None and n_bands == len(_RGB) else ()


def in_order(raster: "Raster", bands: Sequence[int], trained: BandReading | None = None) -> tuple[int, ...]:
    """These bands, as many as the network takes, in the order of what it was trained on.

    Each is known by its own name, or by its colour. At most one that is not takes the place that is left. Where more
    are unknown, or show something else, all keep the order of the file.
    """
    wanted = expected(len(bands), trained)
    for labels in (raster.names, raster.colors):
        found = () if only_numbered(labels) else _places(wanted, [labels[band - 1] for band in bands])
        if found:
            return tuple(bands[place] for place in found)
    return tuple(bands)


def _places(wanted: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    """The place (from 0) among `names` of each wanted band; empty where two or more are not known."""
    found = [_place(band, names) for band in wanted]
    left = [place for place in range(len(names)) if place not in found]
    known = [place for place in found if place is not None]
    if len(set(known)) < len(known) or len(left) > 1 or not known:
        return ()
    places = tuple(left[0] if place is None else place for place in found)
    return () if are_others([names[place] for place in places], wanted) else places


def _place(band: str, names: Sequence[str]) -> int | None:
    """Where the one band of this name, or else of its colour, is; None if there is none, or several."""
    same = [place for place, name in enumerate(names) if name.casefold() == band.casefold()]
    colour = colour_of(band)
    alike = same or [place for place, name in enumerate(names) if colour is not None and colour_of(name) == colour]
    return alike[0] if len(alike) == 1 else None


def order_note(raster: "Raster", bands: Sequence[int], trained: BandReading | None = None) -> str | None:
    """One line on bands that are read in another order than that of the file; None if they are not.

    Bands that have exactly the names of the training are no news.
    """
    wanted, names = expected(len(bands), trained), _names(raster, bands)
    as_named = trained is not None and [name.casefold() for name in names] == [name.casefold() for name in wanted]
    if not wanted or as_named or list(bands) == sorted(bands):
        return None
    numbers = ",".join(map(str, bands))
    return (
        f"{raster.path}: bands {numbers} ({', '.join(names)}) are read as {', '.join(wanted)}, by what they show; "
        "--bands gives another order"
    )


def refuse_others(raster: "Raster", bands: Sequence[int], trained: BandReading | None = None) -> None:
    """Raise InputError where a band is known to show something else than what the network was trained on.

    A band whose name says nothing (undefined, gray, `Band 1`) counts as what stands in its place.
    """
    wanted, names = expected(len(bands), trained), _names(raster, bands)
    if are_others(names, wanted):
        raise InputError(
            f"{raster.path}: has the bands {', '.join(names)}, the model was trained on {', '.join(wanted)}; "
            f"read them so all the same with --bands {','.join(map(str, bands))}"
        )


def are_others(names: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether a band is known to show something else than the wanted one in its place."""
    return any(_contradicts(name, band) for name, band in zip(names, wanted, strict=False))


def _names(raster: "Raster", bands: Sequence[int]) -> list[str]:
    return [raster.names[band - 1] for band in bands]


def _contradicts(name: str, band: str) -> bool:
    """Whether two bands show different things, by what both names say."""
    kinds = _kind(name), _kind(band)
    return None not in kinds and kinds[0] != kinds[1]


def _kind(name: str) -> str | None:
    """red, green, blue, other light, or no light; None where the name says nothing, as a single letter."""
    plain = name.strip().casefold()
    if len(plain) == 1 or plain == ALPHA or (plain.startswith(("gr", "rgb", "pan", "band")) and plain not in COLOURS):
        return None
    light = is_light(name)
    return None if light is None else colour_of(name) or ("other light" if light else "no light")
