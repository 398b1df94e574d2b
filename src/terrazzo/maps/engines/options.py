"""Who computes the pieces of rasters, this process or the workers of a Dask cluster; no value depends on it."""

from dataclasses import dataclass

from terrazzo.errors import InputError
from terrazzo.system.extras import need

LOCAL, DASK = "local", "dask"


@dataclass(frozen=True)
class EngineOptions:
    """Which engine, and of Dask which workers."""

    engine: str = LOCAL
    workers: int | None = None
    """Processes of a cluster on this machine; None: half as many as there are cores."""
    scheduler: str | None = None
    """The address of an existing cluster; None: one on this machine, for as long as the command runs."""


def engine_options(engine: str = LOCAL, workers: int | None = None, scheduler: str | None = None) -> EngineOptions:
    """The options as a value. Raises InputError naming the flag, or the extra that is not installed."""
    if engine not in (LOCAL, DASK):
        raise InputError(f"--engine {engine}: expected {LOCAL} or {DASK}")
    for flag, value in (("--workers", workers), ("--scheduler", scheduler)):
        if value is not None and engine != DASK:
            raise InputError(f"{flag} {value}: is for --engine {DASK}; add that, or leave {flag} out")
    if workers is not None and scheduler is not None:
        raise InputError(f"--workers {workers}: the cluster at --scheduler has its own workers; leave one of them out")
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: expected at least 1")
    if engine == DASK:
        need("dask", "distributed", "fsspec", for_what=f"--engine {DASK}")
    return EngineOptions(engine, workers, scheduler)
