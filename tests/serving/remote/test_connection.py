"""The server as a worker calls it: refusals, redirects, damage, and waiting while it is away."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from terrazzo.errors import InputError
from terrazzo.serving.remote import connection
from terrazzo.serving.remote.connection import AwayError, LostError, RefusedError, Server, checked
from terrazzo.serving.remote.order import Content

Answer = Callable[[BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes]]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The address of a server that gives this answer to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.body = body
            status, headers, content = answer(self)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", headers.get("X-Length", str(len(content))))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_GET  # noqa: N815, names that http.server calls

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def always(status: int, content: bytes = b"", **headers: str) -> Answer:
    return lambda request: (status, headers, content)


def content_of(body: bytes) -> Content:
    return Content(len(body), hashlib.sha256(body).hexdigest(), ".tif")


@pytest.mark.parametrize("address", ["http://localhost:8000", "https://maps.example.org/x", "http://[::1]:9"])
def test_addresses(address: str) -> None:
    assert checked(address) == checked(f"{address}/") == address


@pytest.mark.parametrize(
    "address",
    ["maps.example.org", "ftp://a", "file:///etc/passwd", "http://", "http://a:b", "https://u:p@a", "http://a?x=1", ""],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match=r"^--server .*: is no address of a server; expected one as https://"):
        checked(address)


def test_every_request_has_the_token_and_the_machine_and_a_redirect_gets_neither() -> None:
    seen: list[BaseHTTPRequestHandler] = []

    def answer(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        seen.append(request)
        return 307, {"Location": "http://127.0.0.1:9/elsewhere"}, b""

    with answering(answer) as address, pytest.raises(InputError, match=r"leads to another address .http://127.0.0.1:9"):
        Server(address, "t1").call("/work/claim", {})
    (request,) = seen
    assert request.headers["Authorization"] == "Bearer t1"
    assert len(request.headers["X-Worker"]) == 32


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/work/claim", 401, RefusedError),
        ("/work/claim", 403, RefusedError),
        ("/work/claim", 404, RefusedError),
        ("/work/claim", 500, AwayError),
        ("/work/claim", 503, AwayError),
        ("/work/7/finish", 404, LostError),
        ("/work/7/finish", 422, RefusedError),
        ("/work/7/finish", 500, RefusedError),
        ("/work/7/finish", 507, AwayError),
    ],
)
def test_what_a_status_means(path: str, status: int, error: type[Exception]) -> None:
    with answering(always(status, b'{"detail": "the line"}')) as address, pytest.raises(error, match="the line"):
        Server(address, "t1").call(path, {})


def test_a_server_that_is_away_is_asked_again_and_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(connection.time, "sleep", waited.append)
    statuses = [503] * 6 + [204]
    said: list[str] = []
    with answering(lambda request: (statuses.pop(0), {}, b"")) as address:
        server = Server(address, "t1", said.append)
        assert server.patiently(lambda: server.call("/work/claim", {})) is None
    assert waited == [0.5, 1, 2, 4, 8, 10]
    assert [line.split(": ", 1)[1] for line in said] == [
        "is not reached (status 503 Service Unavailable); trying again",
        "is reached again",
    ]


def test_a_refused_connection_is_a_server_that_is_away() -> None:
    with pytest.raises(AwayError, match="refused"):
        Server("http://127.0.0.1:9", "t1").call("/work/claim", {})


def test_a_download_is_whole_and_checked_or_not_there(tmp_path: Path) -> None:
    body, target = b"the image" * 1000, tmp_path / "body.tif"
    for wrong in (b"the image" * 999, b"The image" * 1000, body + b"!"):
        with answering(always(200, wrong)) as address, pytest.raises(AwayError, match="damaged, or not whole"):
            Server(address, "t1").download("/work/7/upload", target, content_of(body), lambda: None)
        assert list(tmp_path.iterdir()) == []
    cut = always(200, body[:99], **{"X-Length": str(len(body))})
    with answering(cut) as address, pytest.raises(AwayError):
        Server(address, "t1").download("/work/7/upload", target, content_of(body), lambda: None)
    assert list(tmp_path.iterdir()) == []
    with answering(always(200, body)) as address:
        Server(address, "t1").download("/work/7/upload", target, content_of(body), lambda: None)
    assert target.read_bytes() == body


def test_what_is_there_is_not_downloaded_again(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"weights")
    server = Server("http://127.0.0.1:9", "t1")
    server.download("/work/7/model", tmp_path / "model.onnx", content_of(b"weights"), lambda: None)
    with pytest.raises(AwayError):
        server.download("/work/7/model", tmp_path / "model.onnx", content_of(b"others "), lambda: None)


def test_a_file_is_sent_whole_and_its_hash_compared(tmp_path: Path) -> None:
    body = b"x" * 3_000_000
    (tmp_path / "classes.tif").write_bytes(body)
    seen: list[bytes] = []

    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        seen.append(request.body)
        return 200, {}, b'{"sha256": "' + hashlib.sha256(request.body).hexdigest().encode() + b'"}'

    with answering(answer) as address:
        Server(address, "t1").send("/work/7/files/classes.tif", tmp_path / "classes.tif", lambda: None)
    assert seen == [body]
    with answering(always(200, b'{"sha256": "00"}')) as address, pytest.raises(AwayError, match="came damaged"):
        Server(address, "t1").send("/work/7/files/classes.tif", tmp_path / "classes.tif", lambda: None)


def test_a_lost_job_ends_a_transfer(tmp_path: Path) -> None:
    def lost() -> None:
        raise LostError

    (tmp_path / "classes.tif").write_bytes(b"x")
    with answering(always(200, b"y" * 9)) as address:
        server = Server(address, "t1")
        with pytest.raises(LostError):
            server.send("/work/7/files/classes.tif", tmp_path / "classes.tif", lost)
        with pytest.raises(LostError):
            server.download("/work/7/upload", tmp_path / "body.tif", content_of(b"y" * 9), lost)
    assert [path.name for path in tmp_path.iterdir()] == ["classes.tif"]
