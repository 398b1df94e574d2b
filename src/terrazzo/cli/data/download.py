"""`terrazzo download`: a public data set by name."""

from terrazzo.cli.output import line, next_command, wrote
from terrazzo.scenes.download import Fetched


def tell(done: Fetched, *, name: str, out: str | None) -> None:
    """Print the licence and where the data set is."""
    line(f"licence: {done.licence}")
    if out is None:
        line(f"the data set {name} is at {done.path}")
    else:
        wrote(f"a copy of the data set {name}", [done.path], done.kept)
    next_command("terrazzo", "inspect", done.path)
