"""How library code reports what it does: through callables that the caller passes in. The library never prints."""

import html
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

COLUMNS = 100
"""The width of a terminal that lines and tables fit."""

Progress = Callable[[str, int, int], None]
"""progress(what, done, total): `done` of `total` units of the work called `what` are finished."""

Say = Callable[[str], None]
"""say(line): one line for the user to read."""


def silent(what: str, done: int, total: int) -> None:
    """The progress that shows nothing."""


def quiet(line: str) -> None:
    """The `say` that says nothing."""


@dataclass(frozen=True)
class Reporter:
    """Where a long task reports its progress and its lines for the user. Silent by default."""

    progress: Progress = silent
    say: Say = quiet


def listed(words: Sequence[str], shown: int = 4) -> str:
    """The first words and how many more there are: `a, b and 3 more`."""
    more = f" and {len(words) - shown} more" if len(words) > shown else ""
    return ", ".join(words[:shown]) + more


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or the name of its class if it has none."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def wrapped(text: str, indent: str = "", further: str = "") -> list[str]:
    """The text as lines of at most `COLUMNS`, indented by `indent`, from the second line on by `further` as well.

    A word that is longer than a line, such as a path, stays whole.
    """
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=indent,
        subsequent_indent=indent + further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def how_many(n: int, noun: str) -> str:
    """A number and what it counts: `1 image`, `2 images`, `2 patches`, `2 boxes`."""
    ending = "" if n == 1 else "es" if noun.endswith(("ch", "ss", "x")) else "s"
    return f"{n} {noun}{ending}"


def as_html(lines: Iterable[str]) -> str:
    """The lines as a notebook shows them: in one block of fixed width, their columns aligned."""
    text = "\n".join(lines)
    return f"<pre>{html.escape(text)}</pre>"
