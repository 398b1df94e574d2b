"""A server for tests: its app on a data folder of its own, and the same app listening at a port."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from terrazzo.serving.folder import DataFolder
from terrazzo.serving.http.access.tokens import read_tokens
from terrazzo.serving.http.app import build_app
from terrazzo.serving.http.site import Site
from terrazzo.serving.jobs.store import JobStore
from terrazzo.serving.models import Catalogue
from terrazzo.serving.settings import Settings
from terrazzo.serving.starting import config_of
from terrazzo.serving.uploads.store import UploadStore

TOKENS = {"ann": "a" * 32, "ben": "b" * 32, "root": "c" * 32}


def site(folder: Path, tokens: bool = False, **limits: Any) -> Site:
    """A site without models. With `tokens`, ann and ben are users, and root is an admin."""
    folder.mkdir(exist_ok=True)
    (folder / "models").mkdir(exist_ok=True)
    token_file = None
    if tokens:
        token_file = folder / "token.txt"
        token_file.touch(0o600)
        roles = {"root": "admin"}
        token_file.write_text("".join(f"{name} {roles.get(name, 'user')} {word}\n" for name, word in TOKENS.items()))
    data = DataFolder(folder / "data")
    data.root.mkdir(exist_ok=True)
    settings = Settings(models=folder / "models", data=data, token_file=token_file, **limits)
    jobs = JobStore(data.jobs_table, settings.max_queue)
    return Site(settings, data, jobs, UploadStore(data, settings), Catalogue(settings), read_tokens(token_file))


def app(folder: Path, tokens: bool = False, **limits: Any) -> Starlette:
    """The app of such a site."""
    return build_app(site(folder, tokens, **limits))


@contextmanager
def listening(application: Starlette, port: int = 0) -> Iterator[str]:
    """The address at which the app listens, in a thread; at any free port if none is given."""
    config = config_of(application, host="127.0.0.1", port=port, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
