"""What an export says of its input, for programs that do not read our header."""

import json
from typing import Any

from terrazzo.model.header import Header

UNIT_INPUT = "0..1: the pixel values divided by {value_range:g}"
STORED_INPUT = "pixel values as stored; a value that is not finite is missing"


def input_notes(header: Header) -> str:
    """Units, pixel type and bands of the input as JSON; of deep values also low, high, mean and deviation by band.

    The bands are those of the training rasters, or red, green and blue of photos, in the order of the input.
    """
    normalization, reading = header.normalization, header.band_reading
    value: dict[str, Any] = {
        "units": STORED_INPUT if normalization.deep else UNIT_INPUT.format(value_range=normalization.value_range),
        "dtype": normalization.dtype,
        "bands": ["red", "green", "blue"] if reading is None else list(reading.names),
    }
    if reading is not None and reading.scale is not None:
        value["stored_values_that_are_0_and_255"] = reading.scale
    if normalization.deep:
        value |= {name: list(getattr(normalization, name)) for name in ("low", "high", "mean", "std")}
        value["clipped_to_low_and_high"] = list(normalization.clips)
    return json.dumps(value)
