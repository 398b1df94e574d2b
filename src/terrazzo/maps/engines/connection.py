"""The connection to a Dask cluster: one on this machine, or one at an address."""

# mypy: allow-untyped-calls
# (Dask types only a part of its functions.)

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from dask.system import CPU_COUNT
from distributed import Client, LocalCluster

from terrazzo.errors import InputError
from terrazzo.maps.engines.options import EngineOptions

_CONNECT_SECONDS = 5
_WORKER_SECONDS = 60


@contextmanager
def connected(options: EngineOptions) -> Iterator[tuple[Any, int | None]]:
    """A client, and how many threads torch gets on each worker; None: as many as the worker has."""
    if options.scheduler is None:
        workers = options.n_processes
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=None,
                # No dashboard; its bare server takes any free port, as another cluster may have the usual one.
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client, max(1, CPU_COUNT // workers)
        return
    existing = _current_client(options.scheduler)
    if existing is not None:
        yield existing, None
        return
    with _connect(options.scheduler) as client:
        yield client, None


def _connect(scheduler: str) -> Client:
    """A client of the scheduler. Raises InputError if none answers."""
    try:
        return Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        said = str(error)
    # Not chained: the error's frames hold the half-made client, which must go now, in this thread. Collected later in
    # the thread of another client's loop, it would wait for a lock that the client holds while it starts.
    gc.collect()
    raise InputError(
        f"--scheduler {scheduler}: no Dask scheduler answers there ({said}); "
        "start one with `dask scheduler`, or leave --scheduler out"
    )


def _current_client(scheduler: str) -> Any:
    """The caller's own client if it is connected to that scheduler: it may have credentials."""
    try:
        client = Client.current()
    except ValueError:
        return None
    return client if client.scheduler is not None and client.scheduler.address == scheduler else None


def workers_of(client: Any, scheduler: str | None) -> tuple[str, ...]:
    """The addresses of the workers, after waiting for the first. Raises InputError if none comes."""
    try:
        client.wait_for_workers(1, timeout=_WORKER_SECONDS)
    except TimeoutError as error:
        raise InputError(
            f"--scheduler {scheduler}: has had no worker for {_WORKER_SECONDS} s; "
            f"start one with `dask worker {scheduler}`"
        ) from error
    return tuple(client.nthreads())


def check_installed(client: Any) -> None:
    """Raise InputError if terrazzo is missing on the scheduler or a worker."""
    # A function of the standard library: ours could not be sent to a machine without the package.
    found = client.run(version, "terrazzo", on_error="return")
    lacking = [f"worker {worker}" for worker, said in found.items() if isinstance(said, Exception)]
    try:
        client.run_on_scheduler(version, "terrazzo")
    except ModuleNotFoundError:  # what PackageNotFoundError is
        lacking.insert(0, "the scheduler")
    if lacking:
        raise InputError(f"{lacking[0]} has no terrazzo; install it there with the versions that are here")
