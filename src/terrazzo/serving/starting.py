"""Start the server: check, bind, start the supervisor of the workers, serve until Ctrl-C, stop in reverse order."""

import errno
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import uvicorn
from starlette.applications import Starlette

from terrazzo.errors import InputError
from terrazzo.serving.checking import is_loopback, settings_of
from terrazzo.serving.folder import make_folder
from terrazzo.serving.http.access.tokens import read_tokens
from terrazzo.serving.http.app import build_app
from terrazzo.serving.http.protocol import Protocol
from terrazzo.serving.http.site import Site
from terrazzo.serving.jobs.store import JobStore
from terrazzo.serving.jobs.supervisor import Supervisor
from terrazzo.serving.models import Catalogue
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads.cleaning import cleaning
from terrazzo.serving.uploads.store import UploadStore
from terrazzo.system.reporting import Say, how_many


def start(given: Mapping[str, Any], say: Say) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises InputError and ModelFileError before anything is written."""
    settings = settings_of(given)
    tokens = read_tokens(settings.token_file)
    models = Catalogue(settings)
    models.check(say)
    with bound(settings) as sock:
        settings = replace(settings, port=sock.getsockname()[1])
        make_folder(settings.data.root)
        jobs = JobStore(settings.data.jobs_table, settings.max_queue)
        site = Site(settings, settings.data, jobs, UploadStore(settings.data, settings), models, tokens)
        supervisor = Supervisor(settings)
        supervisor.start()
        try:
            with cleaning(settings.data, site.uploads, jobs, settings.keep_days):
                run(site, sock, say, browser=given["browser"])
        finally:
            supervisor.stop()


def run(site: Site, sock: socket.socket, say: Say, browser: bool) -> None:
    """Serve the site at a bound socket until a signal ends it."""
    settings = site.settings
    tls = {"ssl_certfile": settings.tls_cert, "ssl_keyfile": settings.tls_key}
    server = Server(config_of(build_app(site), log_level="warning", **tls))
    server.started_with = lambda: announce(site, say, browser)
    server.run(sockets=[sock])


def config_of(app: Starlette, **more: Any) -> uvicorn.Config:
    """How the server speaks HTTP."""
    return uvicorn.Config(
        app,
        lifespan="off",
        http=Protocol,
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # X-Forwarded-For is read where a login counts wrong tokens
        timeout_graceful_shutdown=5,
        **more,
    )


class Server(uvicorn.Server):
    """Uvicorn, ended by SIGINT and SIGTERM without passing them on, so that the supervisor is stopped afterwards."""

    started_with: Any = None
    """Called once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started and self.started_with is not None:
            self.started_with()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the signals end the server; in a thread other than the main one there are none."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def announce(site: Site, say: Say, browser: bool) -> None:
    """Say where the page and the data are, and open the page."""
    settings = site.settings
    page = address(settings)
    say(f"serving {how_many(len(site.models.models()), 'model')} at {page} (Ctrl-C ends it; the API: {page}docs)")
    say(f"uploads, jobs and maps: {settings.data.root}")
    if not is_loopback(settings) and settings.tls_cert is None:
        say(
            "warning: without --tls-cert and --tls-key the tokens travel in the clear; use them, or a reverse proxy "
            "that speaks https"
        )
    if browser and _has_display():
        threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()


def address(settings: Settings) -> str:
    """The address of the page, with a slash at its end. Its host is one that the server takes."""
    here = {"0.0.0.0": "127.0.0.1", "localhost": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}
    host = here.get(settings.host, settings.host)
    if not is_loopback(settings) and settings.host not in (*here, *settings.allow_hosts):
        host = settings.allow_hosts[0]
    return f"{'https' if settings.tls_cert else 'http'}://{host}:{settings.port}{settings.root_path}/"


@contextmanager
def bound(settings: Settings) -> Iterator[socket.socket]:
    """A socket at the address of the server. Raises InputError naming `--port` or `--host`."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise InputError(f"--host {settings.host}: is no address ({error}); expected one of this machine") from error
    with socket.socket(found[0], socket.SOCK_STREAM) as sock:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(found[4])
            sock.listen(2048)
        except OSError as error:
            raise InputError(_why_not_bound(settings, error)) from error
        yield sock


def _why_not_bound(settings: Settings, error: OSError) -> str:
    port = f"--port {settings.port}"
    if error.errno == errno.EADDRINUSE:
        return f"{port}: is in use at {settings.host}; stop the other program, or choose another port"
    if error.errno == errno.EACCES:
        return f"{port}: needs the rights of an administrator; choose a port from 1024 on"
    return f"--host {settings.host}: cannot be listened at ({error.strerror}); expected an address of this machine"


def _has_display() -> bool:
    """Whether a browser can open a window; without one, Python would start a browser of the terminal."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
