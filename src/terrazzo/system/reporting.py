"""How library code tells what it is doing: callables handed in by the shells. The library itself never prints."""

import html
from collections.abc import Callable, Iterable

Progress = Callable[[str, int, int], None]
"""progress(what, done, total): `done` of `total` units of the work called `what` are finished."""

Say = Callable[[str], None]
"""say(line): one line that the user should see."""


def silent(what: str, done: int, total: int) -> None:
    """The progress that shows nothing."""


def quiet(line: str) -> None:
    """The `say` that says nothing."""


def how_many(n: int, noun: str) -> str:
    """A number and what it counts: `1 image`, `2 images`, `2 patches`."""
    ending = "" if n == 1 else "es" if noun.endswith(("ch", "ss")) else "s"
    return f"{n} {noun}{ending}"


def as_html(lines: Iterable[str]) -> str:
    """The lines as notebooks show them: as they stand on a terminal, their columns aligned."""
    text = "\n".join(lines)
    return f"<pre>{html.escape(text)}</pre>"
