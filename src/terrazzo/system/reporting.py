"""How library code tells what it is doing: callables handed in by the shells. The library itself never prints."""

import html
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

COLUMNS = 100
"""The width of a terminal that lines and tables fit."""

Progress = Callable[[str, int, int], None]
"""progress(what, done, total): `done` of `total` units of the work called `what` are finished."""

Say = Callable[[str], None]
"""say(line): one line that the user should see."""


def silent(what: str, done: int, total: int) -> None:
    """The progress that shows nothing."""


def quiet(line: str) -> None:
    """The `say` that says nothing."""


@dataclass(frozen=True)
class Reporter:
    """What a long task reports to: its progress, and lines for the user. Silent unless told otherwise."""

    progress: Progress = silent
    say: Say = quiet


def listed(words: Sequence[str], shown: int = 4) -> str:
    """The first words and how many more there are: `a, b and 3 more`."""
    more = f" and {len(words) - shown} more" if len(words) > shown else ""
    return ", ".join(words[:shown]) + more


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its kind where it has none."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def wrapped(text: str, indent: str = "", further: str = "") -> list[str]:
    """The text as lines of at most `COLUMNS`, the first one indented by `indent`, the others by `further` as well.

    Words longer than a line, such as paths, stay whole.
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
    """A number and what it counts: `1 image`, `2 images`, `2 patches`."""
    ending = "" if n == 1 else "es" if noun.endswith(("ch", "ss")) else "s"
    return f"{n} {noun}{ending}"


def as_html(lines: Iterable[str]) -> str:
    """The lines as notebooks show them: as they stand on a terminal, their columns aligned."""
    text = "\n".join(lines)
    return f"<pre>{html.escape(text)}</pre>"
