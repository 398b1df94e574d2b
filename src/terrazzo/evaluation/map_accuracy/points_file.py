"""A sample of points as a GeoPackage that interpreters fill in: written, and its strata read again.

Layer `points`: `id`, `stratum`, `weight` (pixels that the point stands for) and `reference`, empty, for the class on
the ground. Neither ids nor order nor the numbers of strata follow the classes, so that interpreters are blind. What a
stratum is stands in the table `strata` alone. A default style lets QGIS offer the classes in a list.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.evaluation.map_accuracy.points_style import points_style
from terrazzo.pixels.layer_styles import write_layer_styles
from terrazzo.system.files import write_beside

POINTS, STRATA = "points", "strata"
FIELDS = ("id", "stratum", "weight", "reference")
REFERENCE = "reference"
_GEOMETRY = "geom"
_VERSION = "1.3"
_FIXED_DATE = {"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"}
"""The same sample gives the same bytes."""
TROUBLE = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError)


@dataclass(frozen=True)
class StrataTable:
    """The table `strata`, a row a stratum, and what it was drawn from."""

    numbers: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    names: tuple[str, ...]
    pixels: NDArray[np.int64]
    area_ha: NDArray[np.float64]
    """NaN where areas are not known."""
    points: NDArray[np.int64]
    map_digest: str
    grid_digest: str
    key: str
    """Equal for the same map, number of points and seed."""

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Areas, or pixels where areas are not known."""
        return self.pixels.astype(np.float64) if np.isnan(self.area_ha).any() else self.area_ha


def write_points(
    path: Path, xy: NDArray[np.float64], strata: NDArray[np.int64], table: StrataTable, crs: str | None
) -> None:
    """Write points (n, 2) of the strata numbered so (n,), with ids from 1 in this order."""
    weights = {int(n): pixels / max(count, 1) for n, pixels, count in zip(*_weighing(table), strict=True)}
    fields: dict[str, NDArray[Any]] = {
        "id": np.arange(1, len(xy) + 1, dtype=np.int32),
        "stratum": strata.astype(np.int32),
        "weight": np.array([weights[n] for n in strata.tolist()]),
        REFERENCE: np.full(len(xy), "", np.object_),
    }
    rows: dict[str, NDArray[Any]] = {
        "stratum": table.numbers.astype(np.int32),
        "class_id": table.class_ids.astype(np.int32),
        "class": np.array(table.names, np.object_),
        "pixels": table.pixels,
        "area_ha": table.area_ha,
        "points": table.points.astype(np.int32),
        **{name: np.full(len(table.names), value, np.object_) for name, value in _hashes(table).items()},
    }
    with write_beside(path) as temporary, _settings(path):
        _write(temporary, POINTS, fields, shapely.to_wkb(shapely.points(xy)), crs)
        _write(temporary, STRATA, rows)
        style = points_style(POINTS, REFERENCE, table.names)
        write_layer_styles(temporary, (POINTS, _GEOMETRY), [style])


def has_strata(path: Path) -> bool:
    """Whether the file is a GeoPackage with both layers of a sample."""
    try:
        return {POINTS, STRATA} <= {str(name) for name, _ in pyogrio.list_layers(path)}
    except TROUBLE:
        return False


def read_strata(path: Path) -> StrataTable:
    """The table of a file that has one. Raises InputError where it is damaged."""
    try:
        _, _, _, columns = pyogrio.raw.read(str(path), layer=STRATA)
        fields = [str(name) for name in pyogrio.read_info(path, layer=STRATA)["fields"]]
        found = dict(zip(fields, columns, strict=True))
        return StrataTable(
            found["stratum"].astype(np.int64),
            found["class_id"].astype(np.int64),
            tuple(map(str, found["class"])),
            found["pixels"].astype(np.int64),
            found["area_ha"].astype(np.float64),
            found["points"].astype(np.int64),
            *(str(found[name][0]) for name in ("map", "grid", "key")),
        )
    except (*TROUBLE, KeyError, IndexError, ValueError, TypeError) as error:
        raise InputError(f"{path}: its table {STRATA} is damaged; take the file that terrazzo sample wrote") from error


def count_labelled(path: Path) -> int:
    """How many points of a sample have a reference."""
    _, _, _, (found,) = pyogrio.raw.read(str(path), layer=POINTS, columns=[REFERENCE], read_geometry=False)
    return sum(bool(value and str(value).strip()) for value in found)


def _weighing(table: StrataTable) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    return table.numbers.tolist(), table.pixels.tolist(), table.points.tolist()


def _hashes(table: StrataTable) -> dict[str, str]:
    return {"map": table.map_digest, "grid": table.grid_digest, "key": table.key}


def _write(
    path: Path,
    layer: str,
    fields: dict[str, NDArray[Any]],
    geometry: NDArray[np.object_] | None = None,
    crs: str | None = None,
) -> None:
    """Add a layer to the file, with points or without geometry."""
    place: dict[str, Any] = {"geometry_type": None} if geometry is None else {"geometry_type": "Point", "crs": crs}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        pyogrio.raw.write(
            *(str(path), geometry, list(fields.values()), list(fields)),
            layer=layer,
            driver="GPKG",
            append=path.exists(),
            dataset_options={"VERSION": _VERSION},
            layer_options={} if geometry is None else {"GEOMETRY_NAME": _GEOMETRY},
            **place,
        )


@contextmanager
def _settings(path: Path) -> Iterator[None]:
    """GDAL with a fixed date; its failures as InputError."""
    before = {name: pyogrio.get_gdal_config_option(name) for name in _FIXED_DATE}
    pyogrio.set_gdal_config_options(_FIXED_DATE)
    try:
        yield
    except TROUBLE as error:
        raise InputError(f"{path}: cannot be written ({error}); make room there, or choose another --out") from error
    finally:
        pyogrio.set_gdal_config_options(before)
