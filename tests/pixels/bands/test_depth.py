"""Which pixel type holds which values, and that a missing value is never taken for a value."""

import numpy as np
import pytest

from terrazzo.pixels.bands.depth import as_floats, pixel_type, with_missing


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (["uint8"], "uint8"),
        (["uint16"], "uint16"),
        (["int16"], "int16"),
        (["int8"], "int16"),
        (["float32"], "float32"),
        (["float16"], "float32"),
        (["float64"], "float32"),
        (["int32"], "float32"),
        (["uint32"], "float32"),
        (["int64"], "float32"),
        (["uint8", "uint16"], "uint16"),
        (["uint8", "int8"], "int16"),
        (["uint8", "int16", "uint8"], "int16"),
        (["uint16", "int16"], "float32"),  # no whole numbers of 16 bits hold both
        (["uint8", "float32"], "float32"),
    ],
)
def test_the_narrowest_type_that_holds_all(dtypes: list[str], expected: str) -> None:
    assert pixel_type(dtypes) == expected


@pytest.mark.parametrize(
    ("dtype", "values", "stored"),
    [
        ("uint16", [0, 7, 65534, 65535, 9], [0, 7, 65534, 65534, 65535]),  # 65535 is "missing": a value moves to 65534
        ("int16", [0, -7, 32767, -32768, -9999], [0, -7, 32767, -32767, -32768]),
    ],
)
def test_the_code_of_missing_values_is_no_value(dtype: str, values: list[int], stored: list[int]) -> None:
    """The last value is missing."""
    missing = np.array([False, False, False, False, True])
    pixels = with_missing(np.array(values, dtype), missing, dtype)
    assert (pixels.tolist(), pixels.dtype.name) == (stored, dtype)
    floats = as_floats(pixels)
    assert floats.dtype == np.float32
    assert floats[:4].tolist() == stored[:4]
    assert np.isnan(floats[4])


def test_missing_floats_are_no_number_and_what_overflows_is_missing() -> None:
    pixels = with_missing(np.array([1.5, -2.0, 1e300]), np.array([False, True, False]), "float32")
    assert pixels.dtype == np.float32
    floats = as_floats(pixels)
    assert floats[0] == 1.5
    assert np.isnan(floats[1:]).all()


def test_eight_bits_are_never_missing() -> None:
    assert as_floats(np.array([0, 255], np.uint8)).tolist() == [0, 255]
