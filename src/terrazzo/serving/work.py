"""Jobs of a server, computed on this machine: the public function."""

from pathlib import Path
from typing import Annotated

from terrazzo.system.options import Option
from terrazzo.system.reporting import Say, quiet


def work(
    *,
    server: Annotated[str, Option("The address of `terrazzo serve`: https://maps.example.org.", remote=True)],
    token_file: Annotated[
        str | Path, Option("A file that holds the token alone, or a line `name worker token`, as the server's does.")
    ],
    data: Annotated[str | Path, Option("Folder for what is downloaded and computed.")] = "terrazzo-work",
    max_memory: Annotated[
        str | int | None, Option("The most memory of a job's process, as in 8GB; what is free if not given.")
    ] = None,
    say: Say = quiet,
) -> None:
    """Compute jobs of a `terrazzo serve` on this machine until Ctrl-C: maps, suggestions, improved models.

    Everything goes over HTTP: no shared file system, no open port here. A job that is stopped or killed goes back to
    the server's queue, and another worker finishes it with the same bytes. While the server is away the worker tries
    again. It computes one job at a time; a second command with another `data` computes a second one. Models are
    improved where the extra `train` is installed.

    Raises InputError for a token file that others may read, an address that is none, a folder that is in use or on a
    full disk, and a token that the server refuses.
    """
    from terrazzo.serving.remote.starting import start
    from terrazzo.system.sizes import bytes_of

    start(server, Path(token_file), Path(data), say, None if max_memory is None else bytes_of(max_memory))
