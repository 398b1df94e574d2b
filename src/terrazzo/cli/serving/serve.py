"""`terrazzo serve`: a model behind a page and an API."""

from terrazzo.cli.output import line


def tell(done: None, *, data: str) -> None:
    """Print how to go on."""
    line(f"stopped; the same command resumes the jobs in {data}")
