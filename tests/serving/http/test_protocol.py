"""A connection: clients that send slowly, and requests that are no HTTP."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from terrazzo.serving.http import protocol
from terrazzo.serving.http.app import build_app
from tests.worlds.served import listening
from tests.worlds.site import make_site, tiff

HEAD = b"HTTP/1.1\r\nHost: localhost\r\n"
SHORT, LONG = 0.3, 1e6


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    site = make_site(tmp_path_factory.mktemp("site"))
    with listening(build_app(site)) as address:
        yield urlsplit(address).port or 0


@pytest.fixture
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        yield sock


def said(sock: socket.socket) -> bytes:
    """All that the server says until it closes the connection."""
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def closed_after(sock: socket.socket, byte: bytes) -> bool:
    """Whether the connection is closed, a moment after a byte more."""
    try:
        sock.sendall(byte)
        return sock.recv(100) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    "request_line",
    [
        b"NONSENSE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health " + HEAD + b"Host: localhost\r\n\r\n",
        b"POST /uploads " + HEAD + b"Content-Length: -5\r\n\r\n",
        b"GET /health " + HEAD + b"X: " + b"a" * 1_000_000,
    ],
    ids=["words", "tls", "no-host", "two-hosts", "length", "long"],
)
def test_what_is_no_http_is_a_problem_with_the_safe_headers(connection: socket.socket, request_line: bytes) -> None:
    connection.sendall(request_line)
    head, _, body = said(connection).partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0].startswith(b"http/1.1 400 ")
    assert {b"content-type: application/problem+json", b"x-content-type-options: nosniff"} <= set(lines)
    found = json.loads(body)
    assert (found["status"], found["detail"]) == (400, protocol._DETAIL)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    head, body = request.param
    monkeypatch.setattr(protocol, "HEAD_S", head)
    monkeypatch.setattr(protocol, "BODY_S", body)


def begin_upload(port: int, length: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 30)
    sock.sendall(b"POST /uploads " + HEAD + f"Content-Type: image/tiff\r\nContent-Length: {length}\r\n\r\n".encode())
    return sock


@pytest.mark.parametrize("impatient", [(SHORT, LONG)], indirect=True)
@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHo"])
@pytest.mark.usefixtures("impatient")
def test_a_head_that_does_not_end_ends_the_connection_however_often_a_byte_comes(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), SHORT / 10) as sock:
        sock.sendall(sent)
        assert any(closed_after(sock, b"s" if sent else b"") for _ in range(1000))


@pytest.mark.parametrize("impatient", [(SHORT, LONG)], indirect=True)
@pytest.mark.usefixtures("impatient")
def test_the_time_of_a_head_is_that_of_each_request_and_no_bound_on_a_body(port: int, tmp_path: Path) -> None:
    body = tiff(tmp_path)
    with begin_upload(port, len(body)) as sock:
        sock.sendall(body[:100])
        time.sleep(3 * SHORT)
        sock.sendall(body[100:])
        assert sock.recv(100).startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize("impatient", [(LONG, SHORT)], indirect=True)
@pytest.mark.usefixtures("impatient")
def test_a_body_of_which_nothing_comes_ends_the_connection(port: int, tmp_path: Path) -> None:
    with begin_upload(port, len(tiff(tmp_path))) as sock:
        sock.sendall(b"II*\0")
        assert said(sock) == b""


@pytest.mark.parametrize("impatient", [(LONG, 1.0)], indirect=True)
@pytest.mark.usefixtures("impatient")
def test_a_slow_body_goes_on_as_long_as_something_comes(port: int, tmp_path: Path) -> None:
    body = tiff(tmp_path)
    step = len(body) // 5 + 1
    with begin_upload(port, len(body)) as sock:
        for start in range(0, len(body), step):  # in all longer than the time between two pieces
            time.sleep(0.3)
            sock.sendall(body[start : start + step])
        assert sock.recv(100).startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize("impatient", [(SHORT, SHORT)], indirect=True)
@pytest.mark.usefixtures("impatient")
def test_a_request_that_the_server_works_on_is_never_cut(port: int, tmp_path: Path) -> None:
    """A job that nobody computes is waited for, past both times."""
    body, json_type = tiff(tmp_path), b"Content-Type: application/json\r\n"
    with begin_upload(port, len(body)) as sock:
        sock.sendall(body)
        answer = sock.recv(65536)
        while b'"id":"' not in answer:
            answer += sock.recv(65536)
    content = b'{"image": "' + answer.partition(b'"id":"')[2][:32] + b'"}'
    length = f"Content-Length: {len(content)}\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        sock.sendall(
            b"POST /processes/tiny/execution " + HEAD + json_type + length + b"Prefer: wait=1\r\n\r\n" + content
        )
        assert sock.recv(100).startswith(b"HTTP/1.1 201 ")


def test_a_body_in_chunks_is_taken_whatever_length_is_stated_beside(port: int, tmp_path: Path) -> None:
    body = tiff(tmp_path)
    chunked = b"Content-Type: image/tiff\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        sock.sendall(b"POST /uploads " + HEAD + chunked + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 201 ")
