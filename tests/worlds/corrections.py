"""Files as `suggest` writes them, a scene and the model whose map they correct."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from terrazzo.pixels.bands.reading import BandReading
from tests.worlds.layers import CRS, rectangle
from tests.worlds.models import write_model
from tests.worlds.rasters import noise, write_raster

Part = tuple[float, float, float, float]
"""Top row, left column, bottom row, right column in pixels of the scene."""
HEIGHT, WIDTH, SIZE = 100, 150, 32
"""The scene in pixels, and the side of the model's patches."""
RGB = BandReading(("red", "green", "blue"))


def scene_and_model(folder: Path, **header: Any) -> tuple[Path, Path]:
    """An RGB scene of 100 x 150 px of 0.5 m, and a model of patches of 32 px with the classes Red, Green, Blue."""
    scene = write_raster(folder / "scene.tif", noise(3, HEIGHT, WIDTH), photometric="RGB")
    return scene, write_model(folder / "model.safetensors", **({"band_reading": RGB, "gsd_m": 0.5} | header))


def write_suggestions(
    path: Path,
    boxes: Sequence[tuple[Part, object]],
    polygons: Sequence[tuple[Part | shapely.Geometry, object]],
    checked_type: Any = np.bool_,
    crs: str = CRS,
) -> Path:
    """Boxes with their `checked`, and polygons with their `class`, as the two layers of a GeoPackage."""
    shapes = np.array([rectangle(*part) for part, _ in boxes], np.object_)
    n = len(boxes)
    fields = {
        "rank": np.arange(1, n + 1),
        "reason": np.full(n, "uncertain", np.object_),
        "uncertainty": np.linspace(0.9, 0.1, n),
        "novelty": np.linspace(2, 1, n),
        "checked": np.array([checked for _, checked in boxes], checked_type),
    }
    _write(path, "boxes", shapes, fields, crs)
    drawn = [rectangle(*part) if isinstance(part, tuple) else part for part, _ in polygons]
    about = {
        "class": np.array([name for _, name in polygons], np.object_),
        "confidence": np.full(len(polygons), 0.5),
    }
    _write(path, "polygons", np.array(drawn, np.object_), about, crs)
    return path


Column = NDArray[Any]


def _write(path: Path, layer: str, shapes: Column, fields: Mapping[str, Column], crs: str) -> None:
    wkb = shapely.to_wkb(shapes) if len(shapes) else np.zeros(0, np.object_)
    options = {"layer": layer, "driver": "GPKG", "geometry_type": "Polygon", "crs": crs, "append": path.exists()}
    pyogrio.raw.write(str(path), wkb, list(fields.values()), list(fields), **options)
