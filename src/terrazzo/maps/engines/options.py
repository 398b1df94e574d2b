"""What computes the pieces of rasters: this process or the workers of a Dask cluster. No value depends on it."""

from dataclasses import dataclass

from terrazzo.errors import InputError
from terrazzo.system.extras import need

LOCAL, DASK = "local", "dask"


@dataclass(frozen=True)
class EngineOptions:
    """The engine and, for Dask, its workers.

    Raises InputError naming the flag of a wrong value, or the extra that is not installed.
    """

    engine: str = LOCAL
    workers: int | None = None
    scheduler: str | None = None
    devices: int = 1
    """GPUs that share the pieces in this process."""

    def __post_init__(self) -> None:
        if self.engine not in (LOCAL, DASK):
            raise InputError(f"--engine {self.engine}: expected {LOCAL} or {DASK}")
        if self.devices < 1:
            raise InputError(f"--devices {self.devices}: expected at least 1")
        if self.devices > 1 and self.engine == DASK:
            raise InputError(f"--devices {self.devices}: is for --engine {LOCAL}; leave one of them out")
        for flag, value in (("--workers", self.workers), ("--scheduler", self.scheduler)):
            if value is not None and self.engine != DASK:
                raise InputError(f"{flag} {value}: is for --engine {DASK}; add that, or leave {flag} out")
        if self.workers is not None and self.scheduler is not None:
            raise InputError(
                f"--workers {self.workers}: the cluster at --scheduler has its own workers; leave one of them out"
            )
        if self.workers is not None and self.workers < 1:
            raise InputError(f"--workers {self.workers}: expected at least 1")
        if self.engine == DASK:
            need("dask", "distributed", "fsspec", for_what=f"--engine {DASK}")

    @property
    def n_processes(self) -> int:
        """How many processes share this machine's memory and cores; those of another cluster are not known here."""
        if self.engine != DASK or self.scheduler is not None:
            return 1
        from dask.system import CPU_COUNT

        return self.workers or max(1, CPU_COUNT // 2)
