"""The words of `terrazzo serve`, checked and made Settings."""

import math
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from terrazzo.errors import InputError
from terrazzo.serving.folder import DataFolder
from terrazzo.serving.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\]")


def settings_of(given: Mapping[str, Any]) -> Settings:
    """The settings from the arguments of `serve`. Raises InputError naming the flag."""
    from terrazzo.maps.engines.options import LOCAL, EngineOptions
    from terrazzo.system.sizes import bytes_of

    for name, least in (("workers", 0), ("max_queue", 1), ("max_pixels", 1)):
        if given[name] < least:
            raise InputError(f"--{name.replace('_', '-')} {given[name]}: expected at least {least}")
    if not 0 <= given["port"] <= 65535:
        raise InputError(f"--port {given['port']}: expected 0 to 65535")
    if not 0 < given["keep_days"] < math.inf:
        raise InputError(f"--keep-days {given['keep_days']:g}: expected more than 0 days")

    def size(name: str) -> int | None:
        return None if given[name] is None else bytes_of(given[name], f"--{name.replace('_', '-')}")

    cert, key = _tls(given["tls_cert"], given["tls_key"])
    settings = Settings(
        models=Path(given["model"]).absolute(),
        data=DataFolder(Path(given["data"]).absolute()),
        host=given["host"],
        port=given["port"],
        root_path=_root_path(given["root_path"] or ""),
        token_file=None if given["token_file"] is None else Path(given["token_file"]).absolute(),
        allow_hosts=tuple(given["allow_host"]),
        basemap=_basemap(given["basemap"]),
        max_pixels=given["max_pixels"],
        max_queue=given["max_queue"],
        workers=given["workers"],
        engine=given["engine"],
        scheduler=given["scheduler"],
        keep_days=given["keep_days"],
        tls_cert=cert,
        tls_key=key,
        quota=size("quota"),
        max_upload=bytes_of(given["max_upload"], "--max-upload"),
        max_memory=size("max_memory"),
    )
    _check_hosts(settings)
    EngineOptions(settings.engine, None, settings.scheduler)
    if not settings.workers and settings.engine != LOCAL:
        raise InputError(
            f"--engine {settings.engine}: is for workers of the server, and --workers 0 has none; leave one of them out"
        )
    if not settings.workers and settings.token_file is None:
        raise InputError("--workers 0: other machines have to compute; add --token-file FILE with a token of a worker")
    return settings


def is_loopback(settings: Settings) -> bool:
    """Whether only this machine reaches the server."""
    return settings.host in LOOPBACK


def _check_hosts(settings: Settings) -> None:
    """Raise InputError for an address that others reach without tokens, and for what is no name of a host."""
    for name in settings.allow_hosts:
        if not _NAME.fullmatch(name):
            raise InputError(f"--allow-host {name}: is no name of a host; expected it alone, as in maps.example.org")
    missing = [
        flag
        for flag, there in (("--token-file FILE", settings.token_file), ("--allow-host NAME", settings.allow_hosts))
        if not there
    ]
    if not is_loopback(settings) and missing:
        raise InputError(
            f"--host {settings.host}: others than this machine reach it; add {' and '.join(missing)}, "
            "or leave --host out"
        )


def _root_path(word: str) -> str:
    """The path without a slash at its end. Raises InputError."""
    path = word.rstrip("/")
    if path and not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", path):
        raise InputError(f"--root-path {word}: expected a path as in /maps")
    return path


def _basemap(word: str | None) -> str | None:
    """The address of tiles. Raises InputError."""
    if word is None:
        return None
    address = urlsplit(word)
    whole = address.scheme in ("http", "https") and re.fullmatch(r"[\w.:{}-]+", address.netloc)
    if not whole or any(part not in address.path + address.query for part in ("{z}", "{x}")):
        raise InputError(f"--basemap {word}: expected an address as in https://tiles.example.org/{{z}}/{{x}}/{{y}}.png")
    return word


def _tls(cert: str | Path | None, key: str | Path | None) -> tuple[Path | None, Path | None]:
    """Certificate and key. Raises InputError if one is missing, or if they are not a pair."""
    if cert is None or key is None:
        if cert is not key:
            given, other = ("--tls-key", "--tls-cert") if cert is None else ("--tls-cert", "--tls-key")
            raise InputError(f"{given}: needs {other} too; give both, or leave both out")
        return None, None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise InputError(f"--tls-cert {cert}: cannot be used with --tls-key {key} ({reason}); expected PEM") from error
    return Path(cert).absolute(), Path(key).absolute()
