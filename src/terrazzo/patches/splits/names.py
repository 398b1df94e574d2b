"""What the names of folders and files say of places: a kind, a place, a version of another picture.

A group is a place. `Tile 7`, `flight_2`, `T32TQM` name one. `Urban`, `summer`, `sentinel2` name a kind of picture, of
which there are many places. Most other words may be either, and nothing is concluded from them.
"""

import re
from collections.abc import Set
from typing import Literal

Naming = Literal["place", "kind", "unknown"]

_KINDS = """
train val valid test fold split subset set part batch chunk image img photo picture data dataset raw original mask label
patch crop chip augmented aug synthetic real new old other all
urban rural suburban city countryside residential commercial industrial agriculture agricultural farmland cropland
forest wood woodland tree vegetation grass grassland meadow pasture shrub shrubland orchard vineyard water river lake
sea ocean coast coastal wetland beach desert barren bare soil sand rock mountain hill plain glacier ice road street
highway building house roof bridge airport harbor harbour port parking background foreground land cover
flood flooded nonflooded non fire burned damage damaged undamaged pre post before after healthy diseased weed crop
spring summer autumn fall winter dry wet january february march april may june july august september october november
december jan feb mar apr jun jul aug sep sept oct nov dec day night morning noon evening sunny cloud cloudy clear fog
haze rain snow shadow
drone uav uas aerial airborne plane satellite ground nadir oblique ortho rgb nir rgbnir irrg cir pan panchromatic
multispectral hyperspectral thermal infrared lidar dsm dem dtm height depth sar optical vv vh
sentinel landsat naip worldview quickbird geoeye ikonos pleiades spot rapideye planet planetscope skysat gaofen gf modis
aster google bing maxar dji mavic phantom
low medium high res resolution hr lr vhr gsd cm m px zoom z level easy hard small large positive negative good bad
labeled labelled unlabeled unlabelled annotator user class category type version v s l x
"""
KINDS = frozenset(_KINDS.split())
"""Words for kinds of pictures: parts of a data set, land cover, seasons, weather, sensors, resolutions; no plurals."""
_PLACES = """
tile scene area region site plot location place block flight mission strip swath zone parcel field aoi roi orthophoto
orthomosaic mosaic map sheet quad sequence seq video clip track route path town village county district province state
country island farm station
"""
PLACES = frozenset(_PLACES.split())
"""Words that a number, a letter or a further word makes the name of one place: `tile 7`, `scene_a`, `site north`."""

_FILE_SUFFIX = r"(?:jpg|jpeg|png|tif|tiff|bmp|webp)"
_ROBOFLOW = re.compile(rf"(?P<source>.+?)(?:[_.]{_FILE_SUFFIX})?\.rf\.[0-9A-Za-z]+", re.IGNORECASE)
_AUGMENTED = re.compile(
    r"(?P<source>.+?)[_\-. ]+(?:aug|augm|augment|augmented|flip|flipped|[hv]flip|flip(?:lr|ud|h|v)|mirror|mirrored|"
    r"rot|rotate|rotated|rotation)(?:[_\- ]?\d+)?",
    re.IGNORECASE,
)


def naming(folder: str) -> Naming:
    """What a folder's path names: `place` if any part names one, `kind` if every part does, else `unknown`.

    A part names a kind if all its words are `KINDS`, numbered or not, or if it is a year. Else it names a place if a
    word of `PLACES` stands with another word, a letter or a number, or if any word stands with a number: `scene_a`,
    `site north`, `austin12`. A word alone and a number alone say nothing.
    """
    found = [_naming(part) for part in folder.split("/")]
    if "place" in found:
        return "place"
    return "kind" if all(name == "kind" for name in found) else "unknown"


def _naming(part: str) -> Naming:
    words = re.findall(r"[a-z]+|[0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", part).lower())
    letters = [word for word in words if word.isalpha()]
    numbers = [word for word in words if not word.isalpha()]
    names = [word for word in letters if not {word, word.removesuffix("s"), word.removesuffix("es")} & KINDS]
    if letters and not names:
        return "kind"
    if not letters:
        is_year = len(numbers) == 1 and re.fullmatch(r"(?:19|20)\d\d", numbers[0])
        return "kind" if is_year else "unknown"
    others = [word for word in names if not {word, word.removesuffix("s")} & PLACES]
    marks = [*numbers, *others, *(word for word in letters if len(word) == 1)]
    if set(letters) & PLACES:
        return "place" if marks else "unknown"
    return "place" if numbers else "unknown"


def exported_source(stem: str) -> str | None:
    """The source of a version that Roboflow exported, `NAME_jpg.rf.HASH` or `NAME.rf.HASH`; None for other names."""
    match = _ROBOFLOW.fullmatch(stem)
    return match["source"] if match else None


def augmented_source(stem: str, known: Set[str]) -> str | None:
    """The picture that `NAME_flip`, `NAME_rot90` or `NAME_aug_3` was made from, if it is among the `known` stems.

    Words may follow one another: `NAME_flip_rot90`. Without the picture itself the word may be a part of its name.
    """
    found = None
    while match := _AUGMENTED.fullmatch(stem):
        stem = match["source"]
        found = stem if stem in known else found
    return found
