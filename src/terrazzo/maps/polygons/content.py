"""What a layer of polygons holds beside their shapes: its name, the fields of each polygon, and its styles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import Color
from terrazzo.maps.polygons.rows import Features
from terrazzo.maps.polygons.styles import by_share, by_value
from terrazzo.pixels.layer_styles import Style

NOTHING = Features(np.zeros(0, np.object_), np.zeros(0, np.uint8), np.zeros((0, 3)))
"""No polygon."""


@dataclass(frozen=True)
class Content:
    """The name of a layer, its fields and styles."""

    name: str
    columns: Callable[[Features], dict[str, NDArray[Any]]]
    """The fields of polygons by name, each (n,): int32, float64 with NaN or text with None where nothing is known."""
    styles: tuple[Style, ...] = ()
    """How QGIS can show it; the first is the default."""


def classes_layer(names: tuple[str, ...], colors: tuple[Color, ...] | None) -> Content:
    """The layer `classes` of a class map.

    Its fields: class_id, class; area_m2, area_ha of the polygon's pixels on the ellipsoid; confidence, their mean in
    percent; second_class and second_share (`Features.second_class`). What is not known is null. Its styles: the classes
    in their colours, and the confidence. Without colours there is none.
    """
    by_id = np.array([*names, None], np.object_)  # the last one is for NO_CLASS, -1

    def columns(features: Features) -> dict[str, NDArray[Any]]:
        return {
            "class_id": features.class_ids.astype(np.int32),
            "class": by_id[features.class_ids],
            "area_m2": features.area_m2,
            "area_ha": features.area_ha,
            "confidence": features.confidence,
            "second_class": by_id[features.second_class],
            "second_share": features.second_share,
        }

    if colors is None:
        return Content("classes", columns)
    categories = [(str(i), name, color) for i, (name, color) in enumerate(zip(names, colors, strict=True))]
    by_class = Style("classes", "the classes in their colours", by_value("class_id", "long", categories))
    sure = Style("confidence", "the mean confidence, red where to check", by_share("confidence"))
    return Content("classes", columns, (by_class, sure))
