"""A web server of one folder for tests, a process of its own: opening a raster holds the lock that a thread would need.

    python -m tests.worlds.range_server FOLDER

prints its port. A sub-folder may hold `.site.json`, how its server behaves (`ranges`, `version`, `fails`, `moved`), and
gets `.asked`: what was asked for, a line a request.
"""

import json
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

FOLDER = Path(sys.argv[1]) if len(sys.argv) == 2 else Path()


class Handler(BaseHTTPRequestHandler):
    """Answers GET, in parts where they are asked for; not HEAD, as where an address is signed for GET alone."""

    def do_GET(self) -> None:
        file = FOLDER / unquote(urlsplit(self.path).path).lstrip("/")
        site, asked = file.parent / ".site.json", self.headers.get("Range", "")
        rules: dict[str, Any] = json.loads(site.read_text()) if site.is_file() else {}
        with suppress(OSError), (file.parent / ".asked").open("a") as stream:
            stream.write(f"{self.path} {asked}\n")
        if file.name in rules.get("moved", {}):
            self.send_response(302)
            self.send_header("Location", rules["moved"][file.name])
            self.end_headers()
        elif not file.is_file():
            self.send_error(404)
        elif rules.get("fails") and asked != "bytes=0-1023":
            self.send_error(403)
        else:
            self.answer(file.read_bytes(), asked if rules.get("ranges", True) else "", rules.get("version", "1"))

    def answer(self, whole: bytes, asked: str, version: str | None) -> None:
        """The file, or the part of it that was asked for."""
        part = whole
        if asked:
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            part = whole[first : last + 1]
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(whole)}")
        if version is not None:
            self.send_header("ETag", version)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        with suppress(OSError):  # whoever asked may have seen enough
            self.wfile.write(part)

    def do_HEAD(self) -> None:
        self.send_error(403)

    def log_message(self, *words: Any) -> None:
        """Nothing is logged."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
