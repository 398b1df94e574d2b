"""Polygons as labels: a layer of a vector file, and the class that its field gives each."""

from dataclasses import replace
from pathlib import Path

from terrazzo.errors import LabelError
from terrazzo.pixels.vector_layers import LayerRequest, VectorLayer, read_layer


def read_polygons(path: Path, class_field: str | None, layer: str | None = None) -> VectorLayer:
    """The polygons at `path` with the values of their class field; blank values are None.

    Raises InputError where the file cannot be read or the layer is not clear. Raises LabelError without the class
    field, naming the fields there are, and where there is no polygon.
    """
    request = LayerRequest(class_field, "--class-field", layer, "--layer", error=LabelError)
    found = read_layer(path, request)
    return replace(found, values=tuple((value or "").strip() or None for value in found.values))
