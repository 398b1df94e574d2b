"""The formats that polygons are written in: one entry each, read by options, writer, outputs and help text.

To add a format, add an entry here and the class that it names to `layers`.
"""

from dataclasses import dataclass
from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.system.extras import need


@dataclass(frozen=True)
class VectorFormat:
    """A file format for polygons."""

    name: str
    """Its word after `--vector-format`."""
    title: str
    layer: str
    """The class in `layers` that writes it."""
    extra: tuple[str, str] | None = None
    """The extra of terrazzo that it needs, and the package that comes with it."""

    @property
    def suffix(self) -> str:
        """The suffix of its files."""
        return f".{self.name}"

    def check_installed(self) -> None:
        """Raise InputError naming the extra if its package is not installed."""
        if self.extra is not None:
            need(*self.extra, for_what=self.title)


_ALL = (
    VectorFormat("gpkg", "GeoPackage", "GeoPackage"),
    VectorFormat("geojson", "GeoJSON", "GeoJson"),
    VectorFormat("parquet", "GeoParquet", "GeoParquet", ("parquet", "pyarrow")),
)
FORMATS = {known.name: known for known in _ALL}
TOLERANCE = 1.0
"""The corners that are smoothed away if nothing is said: the square root of their area, in pixels."""
VECTOR_FORMATS = (*FORMATS, "none")
"""The words that `--vector-format` takes."""


def format_of(path: Path) -> VectorFormat:
    """The format that the suffix of `path` names. Raises InputError for another suffix or a missing package."""
    found = FORMATS.get(path.suffix.removeprefix("."))
    if found is None:
        known = ", ".join(known.suffix for known in _ALL)
        raise InputError(f"{path}: polygons are written as {known}, not as {path.suffix or 'no suffix'}")
    found.check_installed()
    return found
