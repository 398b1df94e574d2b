"""`terrazzo work`: jobs of a server, computed on this machine."""

from terrazzo.cli.output import line


def tell(done: None, *, server: str) -> None:
    """Print how to go on."""
    line(f"stopped; the same command computes for {server} again")
