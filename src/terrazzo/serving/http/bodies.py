"""JSON bodies of requests, bounded while they arrive, whether or not their length was stated.

JSON has one kind of number: 5.0 is the whole number 5, as JSON Schema says too (2020-12, 4.2.3).
"""

import json
from typing import Any

from starlette.requests import Request

from terrazzo.serving.http.problems import Problem

MB = 1 << 20
MOST = 1 * MB
_EXACT = 1 << 53
JSON_TYPES = ("application/json", "application/geo+json")


def refuse_type(request: Request, expected: tuple[str, ...] = JSON_TYPES[:1]) -> None:
    """Raise Problem 415 unless the Content-Type is one of these."""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found not in expected:
        detail = f"Content-Type {found or 'is missing'}: expected {' or '.join(expected)}"
        raise Problem(415, "", detail, headers={"Accept-Post": ", ".join(expected)})


async def body_of(request: Request, most: int = MOST) -> bytes:
    """The body. Raises Problem 413 as soon as more than `most` bytes are stated or have come."""
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > most:
        raise _too_large(most)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
    return b"".join(parts)


async def json_of(request: Request, most: int = MOST, expected: tuple[str, ...] = JSON_TYPES[:1]) -> dict[str, Any]:
    """The JSON object in the body. Raises Problem 415 (another type), 413 (too large) or 400 (no JSON object)."""
    refuse_type(request, expected)
    raw = await body_of(request, most)
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "", f"the body is not JSON ({str(error)[:100]}); expected one JSON object") from error
    if not isinstance(value, dict):
        raise Problem(400, "", f"the body is a JSON {type(value).__name__}; expected one JSON object")
    return value


def _number(word: str) -> float:
    """An int for a number without a fraction that a double holds exactly, as JSON has one kind of numbers."""
    value = float(word)
    return int(value) if value.is_integer() and abs(value) <= _EXACT else value


def _no_number(word: str) -> float:
    """NaN and Infinity are not JSON. Raises ValueError."""
    raise ValueError(f"{word} is not a number of JSON")


def _too_large(most: int) -> Problem:
    words = f"{most // MB} MiB" if most >= MB else f"{most} bytes"
    return Problem(413, "", f"the body is larger than {words}, the most that this address takes; send less")
