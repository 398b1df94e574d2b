"""The options of maps, from the user's words to checked values."""

import math
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from terrazzo.errors import InputError
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE, PROBABILITIES, SECOND
from terrazzo.maps.polygons.formats import FORMATS, TOLERANCE, VECTOR_FORMATS, VectorFormat
from terrazzo.model.averaging.views import NONE, Views, parse_scales
from terrazzo.pixels.bands.reading import AskedScale, parse_bands, parse_scale
from terrazzo.system.sizes import bytes_of

if TYPE_CHECKING:
    from terrazzo.maps.outputs.zones import Zones


@dataclass(frozen=True)
class MapOptions:
    """How images are read and what is mapped: the options of `predict` by their names, parsed.

    Raises InputError naming the flag of a wrong value.
    """

    bands: tuple[str, ...] | None = None
    scale: AskedScale = None
    nodata: float | None = None
    max_pixels: int | None = None
    resample: bool = False
    confidence: bool = False
    probabilities: bool = False
    tta: str = NONE
    tta_scales: tuple[float, ...] = ()
    vector_format: str = "gpkg"
    mapping_unit: int = 1
    simplify: float = TOLERANCE
    zones: "Zones | None" = None
    max_memory: int | None = None
    """In bytes; None: the free memory. No value of the map depends on it."""
    run: tuple[int, int] | None = None
    """Windows of a piece along rows and columns; None: what fits into memory. No value of the map depends on it."""

    def __post_init__(self) -> None:
        _ = self.views  # which checks them
        if self.vector_format not in VECTOR_FORMATS:
            raise InputError(f"--vector-format {self.vector_format}: expected {', '.join(VECTOR_FORMATS)}")
        if self.vectors is not None:
            self.vectors.check_installed()
        if self.vectors is None and self.mapping_unit != 1:
            raise InputError(f"--mapping-unit {self.mapping_unit}: is for polygons; leave it out, or choose a format")
        if self.mapping_unit < 1:
            raise InputError(f"--mapping-unit {self.mapping_unit}: expected at least 1 pixel, which keeps every area")
        if self.vectors is None and self.simplify != TOLERANCE:
            raise InputError(f"--simplify {self.simplify:g}: is for polygons; leave it out, or choose a format")
        if not 0 <= self.simplify < math.inf:
            raise InputError(f"--simplify {self.simplify:g}: expected 0, which keeps every corner, or more pixels")
        if self.max_pixels is not None and self.max_pixels < 1:
            raise InputError(f"--max-pixels {self.max_pixels}: expected at least 1")

    @classmethod
    def from_words(cls, **given: Any) -> "MapOptions":
        """The options among the arguments of `predict`, with words as `3,2,1`, `0,3000` and `4GB` parsed.

        Arguments that are no field are passed over. Raises InputError naming the flag.
        """
        own = {field.name: given[field.name] for field in fields(cls) if field.name in given}
        zones, zone_field, max_memory = own.get("zones"), given.get("zone_field"), own.get("max_memory")
        if zones is not None:
            from terrazzo.maps.outputs.zones import read_zones

            own["zones"] = read_zones(Path(zones), zone_field)
        elif zone_field is not None:
            raise InputError(f"--zone-field {zone_field}: is for --zones FILE; add that, or leave --zone-field out")
        own |= {"bands": parse_bands(own.get("bands")), "scale": parse_scale(own.get("scale"))}
        own["tta_scales"] = parse_scales(own.get("tta_scales", ()))
        return cls(**own | {"max_memory": None if max_memory is None else bytes_of(max_memory)})

    @property
    def vectors(self) -> VectorFormat | None:
        """The polygons' format; None: no polygons."""
        return FORMATS.get(self.vector_format)

    @property
    def views(self) -> Views:
        """The mirror images and sizes of a window that are averaged."""
        return Views(self.tta, self.tta_scales)

    @property
    def layers(self) -> tuple[str, ...]:
        """The maps to write."""
        return (CLASSES, *[CONFIDENCE] * self.confidence, *[PROBABILITIES] * self.probabilities)

    @property
    def computed(self) -> tuple[str, ...]:
        """The maps to compute: those to write, and the shares whose means the polygons carry."""
        wanted = (*self.layers, *((CONFIDENCE, SECOND) if self.vectors else ()))
        return tuple(layer for layer in (CLASSES, CONFIDENCE, PROBABILITIES, SECOND) if layer in wanted)


def given_flags(options: Any) -> list[str]:
    """The flags of the fields that differ from their default, as `--max-pixels`."""
    return [
        f"--{field.name.replace('_', '-')}"
        for field in fields(options)
        if field.default is not MISSING and getattr(options, field.name) != field.default
    ]
