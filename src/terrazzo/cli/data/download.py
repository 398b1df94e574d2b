"""`terrazzo download`: a public data set by name."""

from pathlib import Path
from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import line, next_command, note, wrote


def download(
    name: Annotated[str, typer.Argument(help="dubai or drone.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for a copy; without it the cache of kagglehub is used.")
    ] = None,
    overwrite: options.Overwrite = False,
) -> int:
    """Fetch a public data set through kagglehub, with its credentials and its cache."""
    import terrazzo

    done = terrazzo.download(name, out=out, overwrite=overwrite, say=note)
    line(f"licence: {done.licence}")
    if out is None:
        line(f"the data set {name} is at {done.path}")
    else:
        wrote(f"a copy of the data set {name}", [done.path], done.kept)
    next_command("terrazzo", "inspect", done.path)
    return 0
