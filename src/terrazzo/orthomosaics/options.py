"""What the user may say of rasters beside the windows, from words to values."""

from collections.abc import Sequence
from dataclasses import dataclass

from terrazzo.errors import InputError
from terrazzo.extras import need
from terrazzo.orthomosaics.sums import CLASSES, CONFIDENCE, PROBABILITIES
from terrazzo.orthomosaics.turning import NONE, views

VECTOR_FORMATS = ("gpkg", "geojson", "parquet", "none")


@dataclass(frozen=True)
class MapOptions:
    """How rasters are read and what is mapped of them."""

    bands: tuple[str, ...] | None = None
    """Numbers from 1 or names; None: all that are not alpha."""
    scale: tuple[float, float] | None = None
    """The stored values that become 0 and 255."""
    max_pixels: int | None = None
    """The largest raster that is read; None: `rasters.MAX_PIXELS`."""
    layers: tuple[str, ...] = (CLASSES,)
    """The maps that are wanted."""
    tta: str = NONE
    vectors: str | None = "gpkg"
    """The polygons' format, gpkg, geojson or parquet; None: no polygons."""
    mapping_unit: int = 1
    """Areas of fewer pixels join a neighbour in the polygons; classes.tif keeps them."""
    run: tuple[int, int] | None = None
    """Windows of a piece along the rows and columns; None: as memory holds. No value of the map depends on it."""


def map_options(
    bands: str | Sequence[str | int] | None = None,
    scale: str | Sequence[float] | None = None,
    max_pixels: int | None = None,
    confidence: bool = False,
    probabilities: bool = False,
    tta: str = NONE,
    vectors: tuple[str, int] = ("gpkg", 1),
) -> MapOptions:
    """The options of `3,2,1`, `0,3000` and so on; `vectors` is (format, mapping unit).

    Raises InputError naming the flag.
    """
    views(tta)
    vector_format, mapping_unit = vectors
    if vector_format not in VECTOR_FORMATS:
        raise InputError(f"--vector-format {vector_format}: expected {', '.join(VECTOR_FORMATS)}")
    if vector_format == "parquet":
        need("parquet", "pyarrow", for_what="GeoParquet")
    if mapping_unit < 1:
        raise InputError(f"--mapping-unit {mapping_unit}: expected pixels from 1 (every area is kept)")
    if max_pixels is not None and max_pixels < 1:
        raise InputError(f"--max-pixels {max_pixels}: expected at least 1")
    layers = (CLASSES, *[CONFIDENCE] * confidence, *[PROBABILITIES] * probabilities)
    return MapOptions(
        None if bands is None else parse_bands(bands),
        None if scale is None else parse_scale(scale),
        max_pixels,
        layers,
        tta,
        None if vector_format == "none" else vector_format,
        mapping_unit,
    )


def parse_bands(bands: str | Sequence[str | int]) -> tuple[str, ...]:
    """`3, 2, red` as ("3", "2", "red"). Raises InputError where a word is missing."""
    words = tuple(str(word).strip() for word in (bands.split(",") if isinstance(bands, str) else bands))
    if not words or not all(words):
        raise InputError(f"--bands {bands}: expected numbers from 1 or names with commas between them, as in 3,2,1")
    return words


def parse_scale(scale: str | Sequence[float]) -> tuple[float, float]:
    """`0,3000` as (0.0, 3000.0). Raises InputError for anything but two numbers, the lower first."""
    try:
        low, high = map(float, scale.split(",") if isinstance(scale, str) else scale)
    except ValueError as error:
        raise InputError(f"--scale {scale}: expected two numbers LOW,HIGH, as in 0,3000") from error
    if not float("-inf") < low < high < float("inf"):
        raise InputError(f"--scale {scale}: expected LOW below HIGH, as in 0,3000")
    return low, high
