"""What QGIS tools read from an ONNX file: Deepness and GeoDeep take the entries of its metadata, each a JSON value."""

import json
from typing import Any

from terrazzo.model.header import Header
from terrazzo.model.windows.tiling import Tiling

DEFAULT_RESOLUTION = 10.0
"""cm/px where the model knows none; also GeoDeep's own default."""


def resolution_of(header: Header) -> float | None:
    """Ground resolution of the pixels that the network sees, in cm a pixel; None where it is unknown."""
    return None if header.gsd_m is None else header.gsd_m * header.downsample * 100


def metadata(header: Header, tiling: Tiling, tile_size: int) -> dict[str, str]:
    """The entries by name, JSON-encoded.

    Names and meaning: https://qgis-plugin-deepness.readthedocs.io/en/latest/creators/creators_add_metadata_to_model.html
    and geodeep's `inference.create_session`. Mean 0 and deviation 1, as the graph normalizes for itself. With the
    threshold at 0 and no small segments removed, the tools' class of a pixel is the most probable one, as in
    `terrazzo predict`: above 0, GeoDeep takes class 0 wherever no class reaches the threshold.
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
        "standardization_std": [1.0] * header.bands,
        "seg_thresh": 0.0,
        "seg_small_segment": 0,
    }
    return {name: json.dumps(value) for name, value in values.items()}
