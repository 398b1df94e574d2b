"""Files of one band each that make up a scene: `LC09_..._B4.TIF` beside `_B3` and `_B2`, `B04.jp2`, `ortho_red.tif`.

Landsat 4 to 7 number blue, green and red 1, 2 and 3; Landsat 8 and 9 and Sentinel-2 number them 2, 3 and 4.
"""

import re
from pathlib import Path

from terrazzo.pixels.bands.kinds import COLOURS, colour_of, is_light

_BETWEEN = re.compile(r"([_\-. ])")
_OLD_LANDSAT = re.compile(r"L[TEM]0?[4-7]", re.IGNORECASE)
_OLD_NUMBERS = {"b3": "red", "b2": "green", "b1": "blue"}


def colours_of_set(path: Path) -> dict[str, Path] | None:
    """The files of red, green and blue, in this order, of the set that `path` belongs to.

    Law: their names differ from that of `path` in one word alone. None if a colour is missing or there twice.
    """
    words = _BETWEEN.split(path.stem)
    try:
        beside = [file for file in path.parent.iterdir() if file.suffix.lower() == path.suffix.lower()]
    except OSError:
        return None
    for place, word in enumerate(words):
        if _colour(words, word) is None and not is_light(word):
            continue
        found: dict[str, list[Path]] = {colour: [] for colour in COLOURS}
        for file in beside:
            others = _BETWEEN.split(file.stem)
            if [*others[:place], *others[place + 1 :]] != [*words[:place], *words[place + 1 :]]:
                continue
            colour = _colour(others, others[place])
            if colour is not None:
                found[colour].append(file)
        if all(len(files) == 1 for files in found.values()):
            return {colour: files[0] for colour, files in found.items()}
    return None


def _colour(words: list[str], word: str) -> str | None:
    """The colour that a word of a file's name stands for."""
    if _OLD_LANDSAT.match(words[0]):
        return _OLD_NUMBERS.get(word.lower())
    return colour_of(word)
