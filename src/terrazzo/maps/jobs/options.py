"""What the user may say of rasters beside the windows, from words to values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import InputError
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE, PROBABILITIES
from terrazzo.maps.pieces.turning import NONE, views
from terrazzo.pixels.bands import parse_bands, parse_scale
from terrazzo.system.extras import need

if TYPE_CHECKING:
    from terrazzo.maps.outputs.zones import Zones

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
    """The maps that are wanted as files."""
    tta: str = NONE
    vectors: str | None = "gpkg"
    """The polygons' format, gpkg, geojson or parquet; None: no polygons."""
    mapping_unit: int = 1
    """Areas of fewer pixels join a neighbour in the polygons; classes.tif keeps them."""
    resample: bool = False
    """Whether rasters are read at the resolution that the model was trained on."""
    zones: "Zones | None" = None
    """Polygons for each of which areas are counted."""
    max_memory: int | None = None
    """Bytes that the process may take; None: what is free. No value of the map depends on it."""
    run: tuple[int, int] | None = None
    """Windows of a piece along the rows and columns; None: as memory holds. No value of the map depends on it."""

    @property
    def computed(self) -> tuple[str, ...]:
        """The maps that are computed: the wanted ones, and the confidences that polygons carry the mean of."""
        needed = CONFIDENCE if self.vectors else None
        return tuple(layer for layer in (CLASSES, CONFIDENCE, PROBABILITIES) if layer in (*self.layers, needed))


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


def refuse_without_raster(options: MapOptions, picture: str) -> None:
    """Raise InputError naming the first flag that says something of rasters, where there are pictures alone."""
    given = {
        "--zones": options.zones is not None,
        "--max-memory": options.max_memory is not None,
        "--bands": options.bands is not None,
        "--scale": options.scale is not None,
        "--resample": options.resample,
        "--tta": options.tta != NONE,
        "--confidence": CONFIDENCE in options.layers,
        "--probabilities": PROBABILITIES in options.layers,
    }
    for flag in (flag for flag, is_given in given.items() if is_given):
        raise InputError(f"{flag}: is for rasters (.tif, .tiff, .jp2, .vrt); {picture} is a picture; leave {flag} out")


def zone_options(zones: str | Path | None, field: str | None) -> "Zones | None":
    """The zones in a file; None without one. Raises InputError naming the flag."""
    if zones is None:
        if field is not None:
            raise InputError(f"--zone-field {field}: is for --zones FILE; add that, or leave --zone-field out")
        return None
    from terrazzo.maps.outputs.zones import read_zones

    return read_zones(Path(zones), field)


def parse_memory(memory: str | int | None) -> int | None:
    """`4GB`, `3.5G`, `2048MB` or plain bytes as bytes, in powers of 1000 (GiB and MiB: of 1024); None stays None.

    Raises InputError naming the flag.
    """
    if memory is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(I?)B?|B?)", str(memory).strip().upper())
    if found is None or float(found[1]) == 0:
        raise InputError(f"--max-memory {memory}: expected a size as in 4GB, 3.5G or 2048MB")
    power = " KMGT".index(found[2]) if found[2] else 0
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)
