"""Start a worker: check, lock its folder, work until a signal."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from terrazzo.errors import InputError
from terrazzo.serving.folder import DataFolder, make_folder
from terrazzo.serving.remote.computing import Worker
from terrazzo.serving.remote.connection import Server
from terrazzo.serving.remote.token import token_of
from terrazzo.system.reporting import Say

_LOCK = "worker.lock"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def start(address: str, token_file: Path, root: Path, say: Say, max_memory: int | None = None) -> None:
    """Work until Ctrl-C or SIGTERM. Raises InputError."""
    token = token_of(token_file)
    server = Server(address, token, say)
    data = DataFolder(root.absolute())
    with _own(data.root), _ending_like_ctrl_c():
        if server.address.startswith("http:") and urlsplit(server.address).hostname not in _LOOPBACK:
            say("warning: without https the token and the images travel in the clear; use the server's https address")
        say(f"working for {server.address} (Ctrl-C ends it); files: {data.root}")
        try:
            Worker(server, data, say, max_memory).run()
        except KeyboardInterrupt:
            return


@contextmanager
def _own(root: Path) -> Iterator[None]:
    """The folder of this worker alone. Raises InputError if it cannot be made, is a server's, or is in use."""
    make_folder(root)
    if DataFolder(root).jobs_table.exists():
        raise InputError(f"--data {root}: is the folder of a server; choose another for the worker")
    with (root / _LOCK).open("a") as stream:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InputError(
                    f"--data {root}: another `terrazzo work` uses it; choose another folder for this one"
                ) from error
        yield


@contextmanager
def _ending_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does; in a thread other than the main one there are no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
