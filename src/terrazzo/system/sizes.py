"""Sizes of memory and files, as people write them."""

import re
from contextlib import suppress

from terrazzo.errors import InputError


def bytes_of(size: str | int, flag: str = "--max-memory") -> int:
    """The bytes of `4GB`, `3.5G`, `2048MB` (powers of 1000), `4GiB` (of 1024) or a plain number.

    Raises InputError naming the flag.
    """
    from pydantic import ByteSize, TypeAdapter, ValidationError

    found = 0
    # Pydantic ignores what follows a number and a word: it reads 4,5GB as 4 bytes.
    if re.fullmatch(r"\s*\d*\.?\d+\s*[A-Za-z]*\s*", str(size)):
        with suppress(ValidationError):
            found = int(TypeAdapter(ByteSize).validate_python(str(size)))
    if found < 1:
        raise InputError(f"{flag} {size}: expected a size as in 4GB, 3.5G or 2048MB")
    return found


def size_words(size: float) -> str:
    """`1.23 GB`, `45 MB` or `678 bytes`, rounded up."""
    for unit, name, digits in ((10**9, "GB", 2), (10**6, "MB", 0)):
        if size >= unit:
            whole = -(-int(size) * 10**digits // unit)
            return f"{whole / 10**digits:.{digits}f} {name}"
    return f"{int(size)} bytes"
