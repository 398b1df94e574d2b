"""The metadata of an ONNX file that QGIS tools read: Deepness and GeoDeep take entries that are JSON values."""

import json
from typing import Any

from terrazzo.model.header import Header
from terrazzo.model.normalization import UINT8_RANGE
from terrazzo.model.windows.tiling import Tiling

DEFAULT_RESOLUTION = 10.0
"""cm/px if the model knows none; GeoDeep's own default, too."""


def resolution_of(header: Header) -> float | None:
    """The ground sampling distance of what the network sees, in cm per pixel; None if unknown."""
    return None if header.gsd_m is None else header.gsd_m * header.downsample * 100


def metadata(header: Header, tiling: Tiling, tile_size: int) -> dict[str, str]:
    """The entries by name, JSON-encoded.

    Names and meaning: https://qgis-plugin-deepness.readthedocs.io/en/latest/creators/creators_add_metadata_to_model.html
    and geodeep's `inference.create_session`. Mean 0 and deviation 1, as the graph normalizes its input. Deepness
    divides all values by 255 first, so for deeper values a deviation of 1/255 hands them on as they are stored.

    With threshold 0 and small segments kept, the tools take the most probable class of a pixel, as `terrazzo predict`
    does. With a higher threshold, GeoDeep takes class 0 wherever no class reaches it.
    """
    overlap = 100 * tiling.overlap / tiling.window
    values: dict[str, Any] = {
        "model_type": "Segmentor",
        "class_names": {str(i): name for i, name in enumerate(header.schema.names)},
        "resolution": round(resolution_of(header) or DEFAULT_RESOLUTION, 6),
        "tile_size": tile_size,
        "tiles_size": tile_size,
        "tiles_overlap": int(overlap) if overlap.is_integer() else overlap,
        "standardization_mean": [0.0] * header.bands,
        "standardization_std": [1 / UINT8_RANGE if header.normalization.deep else 1.0] * header.bands,
        "seg_thresh": 0.0,
        "seg_small_segment": 0,
    }
    return {name: json.dumps(value) for name, value in values.items()}
