"""The Range header of a request (RFC 9110, 14.2), looked at before a file is sent."""

import re

from terrazzo.errors import InputError

MOST_RANGES = 20
"""Parts of a file in one request."""
_NUMBER = r"\d{1,18}"
_PART = rf"(?:{_NUMBER}-(?:{_NUMBER})?|-{_NUMBER})"
_BYTES = re.compile(rf"bytes=\s*{_PART}(?:\s*,\s*{_PART})*\s*", re.IGNORECASE)


class RangeError(InputError):
    """Parts that the file does not have, or too many of them."""


def is_range(header: str, size: int) -> bool:
    """Whether a header asks for parts of a file of `size` bytes; one that is malformed, or has no bytes, is ignored.

    Raises RangeError where a part begins at or after the end, or there are more than MOST_RANGES.
    """
    n_ranges = header.count(",") + 1
    if n_ranges > MOST_RANGES:
        raise RangeError(f"Range: asks for {n_ranges} parts; expected at most {MOST_RANGES}")
    if not _BYTES.fullmatch(header):
        return False
    parts = [part.strip().split("-") for part in header.split("=", 1)[1].split(",")]
    if any(first and last and int(first) > int(last) for first, last in parts):
        return False
    for first, last in parts:
        if (int(first) if first else size - min(int(last), size)) >= size:
            raise RangeError(f"Range: asks for bytes from {first or size} on; the file has {size}")
    return True
