"""The pixel types that patches and networks take, and how a missing value is written in each.

Eight-bit pixels are never missing: a mask beside them says which are invalid. In the other types one value of the type
stands for "missing". A stored value that happens to be that one is moved to its neighbour, which no network notices.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
"""Pixels of one of the types of `MISSING`."""
EIGHT_BITS = "uint8"
MISSING: dict[str, float | None] = {EIGHT_BITS: None, "uint16": 65535, "int16": -32768, "float32": np.nan}
"""The pixel types, and the value of each that means "missing"."""


def pixel_type(dtypes: Iterable[str]) -> str:
    """The narrowest pixel type that holds all values of the given types (numpy's names).

    Law: 8 and 16 bits are kept; int8 becomes int16; all wider integers and floats become float32.
    """
    common = np.result_type(*(np.dtype(dtype) for dtype in dtypes))
    if common.name in MISSING:
        return common.name
    return {"int8": "int16", "bool": EIGHT_BITS}.get(common.name, "float32")


def with_missing(values: NDArray[Any], missing: NDArray[np.bool_], dtype: str) -> Pixels:
    """Values as the pixel type `dtype`, with its code where `missing`; both have one shape."""
    code = MISSING[dtype]
    if code is None:
        raise ValueError(f"{dtype} has no code for missing values")
    with np.errstate(over="ignore", invalid="ignore"):
        pixels: Pixels = values.astype(dtype)
    if dtype != "float32":
        pixels[pixels == code] = code + 1 if code < 0 else code - 1
    pixels[missing] = code
    return pixels


def as_floats(pixels: Pixels) -> NDArray[np.float32]:
    """Pixels as float32, with NaN where they are missing; 8-bit pixels never are."""
    floats: NDArray[np.float32] = pixels.astype(np.float32)
    code = MISSING.get(pixels.dtype.name)
    if code is not None and pixels.dtype.kind != "f":
        floats[pixels == code] = np.nan
    elif pixels.dtype.kind == "f":
        floats[~np.isfinite(floats)] = np.nan
    return floats
