"""What each band shows, known from its name: a colour of light, height, radar, or a class of its own.

The names are those of GDAL's colour interpretation (red, green, nir) and of the sensors that people have: Sentinel-2
(B02, B8A), Landsat 8 and 9 (B2 to B11). Blue, green and red have the same numbers, 2, 3 and 4, on both.
"""

import re
from collections.abc import Sequence

COLOURS = {
    "red": ("red", "r", "b4", "band4"),
    "green": ("green", "g", "b3", "band3"),
    "blue": ("blue", "b", "b2", "band2"),
}
"""The names of each colour, in the order of a colour image."""
_SAYS_NOTHING = re.compile(
    r"|\d+(\.\d+)?(nm|um)?|nm|um|band|channel|sr|toa|boa|surface|reflectance|light|visible|colou?r|wavelength"
)
_OTHER_LIGHT = re.compile(
    r"b(1|5|6|7|8|8a|9|10|11|12)|band(1|5|6|7|8|9|10|11|12)|coastal( ?aerosol)?|yellow|red ?edge\d?|re\d?|"
    r"nir\d?|near ?infrared|swir\d?|short ?wave ?infrared|pan(chromatic)?|gr[ae]y|rgb(_[1-3])?"
)
_NOT_LIGHT = re.compile(
    r"n?dsm|dtm|dem|chm|height|elevation|slope|aspect|hillshade|v[vh]|h[vh]|sar|radar|sigma0|gamma0|coherence|"
    r"ndvi|ndwi|ndbi|mask|alpha|qa|scl|thermal|tir\d?|lst|temperature"
)


def colour_of(name: str) -> str | None:
    """`red`, `green` or `blue` where a band's name says so; None for every other band.

    Laws: case and leading zeros do not matter, so `B04`, `b4` and `Red` are all `red`. Words that say nothing of the
    colour are passed over (`SR_B4`, `Band 4`, `Red (665 nm)`), but `coastal blue` and `green_i` are no colour.
    """
    plain = _plain(name)
    words = [word for word in re.split(r"[^a-z0-9]+", plain) if not _SAYS_NOTHING.fullmatch(word)]
    found = {_colour_named(word) for word in words or [re.sub(r"[^a-z0-9]", "", plain)]}
    return found.pop() if len(found) == 1 else None


def is_light(name: str) -> bool | None:
    """Whether a band is reflected light, whose brightness varies with the weather and the camera; None if unknown.

    Heights, radar, temperatures, indices and masks are not light.
    """
    plain = _plain(name)
    if _NOT_LIGHT.fullmatch(plain) or any(_NOT_LIGHT.fullmatch(word) for word in re.split(r"[_ ]", plain)):
        return False
    return True if colour_of(name) or _OTHER_LIGHT.fullmatch(plain) else None


def rgb_places(names: Sequence[str]) -> tuple[int, int, int] | None:
    """The places (from 0) of red, green and blue among the bands; None unless each is there exactly once."""
    if only_numbered(names):
        return None
    colours = [colour_of(name) for name in names]
    if any(colours.count(colour) != 1 for colour in COLOURS):
        return None
    red, green, blue = (colours.index(colour) for colour in COLOURS)
    return red, green, blue


def only_numbered(names: Sequence[str]) -> bool:
    """Whether the names are `Band 1`, `Band 2`, ... in this order, as programs number bands that have no name."""
    return all(
        re.fullmatch(rf"band[ _]?0*{number}", name.strip().lower()) for number, name in enumerate(names, start=1)
    )


def _colour_named(word: str) -> str | None:
    return next((colour for colour, names in COLOURS.items() if word in names), None)


def _plain(name: str) -> str:
    """The name in lower case, with hyphens as spaces and numbers without leading zeros."""
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", name.strip().lower().replace("-", " ").replace(".", " "))
