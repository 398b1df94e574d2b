"""A model behind a page and an API: the public function."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from terrazzo.maps.engines.options import LOCAL
from terrazzo.system.extras import need
from terrazzo.system.options import Option
from terrazzo.system.reporting import Say, quiet

NETWORK = "Network"
LIMITS = "Limits"
ENGINE = "Huge rasters"


def serve(
    model: Annotated[
        str | Path, Option("A model.safetensors or .onnx, or a folder of them, all of which can then be chosen.")
    ],
    *,
    data: Annotated[str | Path, Option("Folder for uploads, jobs, maps and improved models.")] = "terrazzo-data",
    browser: Annotated[bool, Option("Open the page in a browser.", flags=("--browser/--no-browser",))] = True,
    basemap: Annotated[
        str | None,
        Option("Tiles that the page shows below maps: https://tiles.example.org/{z}/{x}/{y}.png.", remote=True),
    ] = None,
    workers: Annotated[
        int, Option("Jobs computed at a time, each in a process of its own; 0 leaves them to `terrazzo work`.")
    ] = 1,
    engine: Annotated[
        str, Option("What computes the pieces of a map: local (the worker's process) or dask.", ENGINE)
    ] = LOCAL,
    scheduler: Annotated[
        str | None,
        Option(
            "An existing Dask cluster for --engine dask, which sees the data folder: tcp://host:8786.",
            ENGINE,
            remote=True,
        ),
    ] = None,
    host: Annotated[str, Option("The address to listen at; other than this machine's own needs tokens.", NETWORK)] = (
        "127.0.0.1"
    ),
    port: Annotated[int, Option("The port to listen at; 0: any that is free.", NETWORK)] = 8000,
    token_file: Annotated[
        str | Path | None,
        Option("Who may come in: lines of `name role token`, the role user, worker or admin.", NETWORK),
    ] = None,
    allow_host: Annotated[
        Sequence[str],
        Option("A name by which clients reach the server: maps.example.org.", NETWORK, many=True, remote=True),
    ] = (),
    root_path: Annotated[
        str | None, Option("The path below which a reverse proxy shows the server: /maps.", NETWORK)
    ] = None,
    tls_cert: Annotated[str | Path | None, Option("The certificate for https, as PEM.", NETWORK)] = None,
    tls_key: Annotated[str | Path | None, Option("The key of the certificate, as PEM.", NETWORK)] = None,
    keep_days: Annotated[float, Option("Days after which uploads and maps are removed.", LIMITS)] = 30.0,
    quota: Annotated[str | int | None, Option("The most that the data folder may hold, as in 200GB.", LIMITS)] = None,
    max_upload: Annotated[str | int, Option("The largest upload.", LIMITS)] = "20GB",
    max_pixels: Annotated[int, Option("The most pixels of an image.", LIMITS)] = 20_000_000_000,
    max_memory: Annotated[
        str | int | None, Option("The most memory of one worker; what is free if not given.", LIMITS)
    ] = None,
    max_queue: Annotated[int, Option("The most jobs that wait.", LIMITS)] = 1000,
    say: Say = quiet,
) -> None:
    """Serve models by a page and an API until Ctrl-C: upload an image, get its map, correct it, improve the model.

    Nothing leaves the machine. The server listens at 127.0.0.1. Any other `host` needs `token_file` and `allow_host`.
    The tokens travel in the clear unless `tls_cert` and `tls_key` are given, or a reverse proxy speaks https.

    `engine` and `scheduler` are those of `predict`. Workers of a cluster must see `data` and the models under the same
    paths.

    The page is at http://127.0.0.1:8000, the API is described at /docs. Uploads, jobs and maps stay in `data`: a server
    that was stopped or killed goes on with them when it is started again.

    Raises InputError for an address that is in use or needs tokens, and for a token file that others may read. Raises
    ModelFileError for a file that is no model.
    """
    given = dict(locals())
    need("serve", "starlette", "uvicorn", for_what="terrazzo serve")
    from terrazzo.serving.starting import start

    start(given, say)
