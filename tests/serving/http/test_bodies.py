"""JSON bodies: which numbers are whole, what is no JSON, how large they may be."""

import json
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from terrazzo.serving.http.bodies import json_of
from terrazzo.serving.http.problems import Problem


def request_with(*parts: bytes) -> Request:
    """A request whose body comes in these parts, and whose length is not stated."""
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", b"application/json")]}
    left = list(parts)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return Request(scope, receive)


def read(*parts: bytes, most: int = 100) -> dict[str, Any]:
    async def reading() -> dict[str, Any]:
        return await json_of(request_with(*parts), most)

    return anyio.run(reading)


def test_a_number_without_a_fraction_is_whole() -> None:
    found = read(b'{"a": 5.0, "b": 2.5, "c": -0.0, "d": 1e3, "e": 1e300}')
    assert found == {"a": 5, "b": 2.5, "c": 0, "d": 1000, "e": 1e300}
    assert [type(value) for value in found.values()] == [int, float, int, int, float]


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b"[1]", b'"a"', b"\xff", b"[" * 90])
def test_what_is_no_json_object_is_400(body: bytes) -> None:
    with pytest.raises(Problem, match="expected one JSON object") as error:
        read(body)
    assert error.value.status == 400


def test_a_body_is_refused_at_the_part_that_makes_it_too_large() -> None:
    whole = json.dumps({"a": "b" * 91}).encode()
    assert len(whole) == 100
    assert read(whole[:50], whole[50:]) == {"a": "b" * 91}
    with pytest.raises(Problem, match="larger than 100 bytes") as error:
        read(whole, b" ", b"never read")
    assert error.value.status == 413
