"""What `terrazzo serve` was given, checked."""

from dataclasses import dataclass
from pathlib import Path

from terrazzo.maps.engines.options import LOCAL
from terrazzo.serving.folder import DataFolder

GB = 10**9


@dataclass(frozen=True)
class Settings:
    """The limits and places of one server."""

    models: Path
    """A model file, or a folder of them."""
    data: DataFolder
    host: str = "127.0.0.1"
    port: int = 8000
    root_path: str = ""
    """The prefix under which a reverse proxy shows the server, as in `/maps`; empty without one."""
    token_file: Path | None = None
    allow_hosts: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    basemap: str | None = None
    """An XYZ address that the page may load, the only foreign one."""
    max_upload: int = 20 * GB
    """Bytes of one upload."""
    max_pixels: int = 20_000_000_000
    """Pixels of one image, by its header."""
    max_memory: int | None = None
    """Bytes that one worker may use."""
    max_queue: int = 1000
    """Jobs that may wait."""
    workers: int = 1
    """Worker processes of this machine; 0 leaves the jobs to other machines."""
    engine: str = LOCAL
    """What computes the pieces of a map: `local`, a worker's own process, or `dask`."""
    scheduler: str | None = None
    """The Dask cluster that computes them; None starts one for each job."""
    keep_days: float = 30.0
    quota: int | None = None
    """Bytes of the data folder."""
    job_seconds: float = 24 * 3600.0
    """The longest that a job may compute without a new piece."""
    lease_seconds: float = 30.0
    """How long a worker may be silent before its job goes to another."""
