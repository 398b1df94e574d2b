"""What the command line prints: results on stdout; progress, notes and the one error line on stderr."""

import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from terrazzo.system.reporting import Progress, Say, silent, wrapped


def line(text: str) -> None:
    """One line of result, on stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One line that is not the result, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def prose(text: str) -> None:
    """A sentence of result on stdout, in lines that fit a terminal."""
    line("\n".join(wrapped(text, further="  ")))


def remark(text: str) -> None:
    """A note or a warning on stderr, in lines that fit a terminal."""
    note("\n".join(wrapped(text, further="  ")))


def error_line(text: str) -> None:
    """The one line that says why it failed."""
    note(f"terrazzo: error: {' '.join(text.split())}")


def emit_json(value: Any) -> None:
    """A JSON value alone on stdout."""
    line(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def next_command(*words: str | Path, before: str = "") -> None:
    """The command that comes next, ready to paste; `before` tells what to do first, as `edit it, then `."""
    line(f"next: {before}{shlex.join(str(word) for word in words)}")


def wrote(what: str, paths: Sequence[Path | str], kept: bool = False) -> None:
    """Which files a command wrote, or kept because they were finished."""
    if kept:
        line(f"kept: {what} of the same inputs and options was there (--overwrite replaces it)")
    for path in paths:
        line(f"{'at' if kept else 'wrote'} {path}")


@contextmanager
def reporting(enabled: bool = True) -> Iterator[tuple[Progress, Say]]:
    """Progress bars on stderr where it is a terminal (a line now and then where it is not), and a way to say lines."""
    if not enabled:
        yield silent, remark
    elif sys.stderr.isatty():
        with _bars() as pair:
            yield pair
    else:
        yield _sparse(), remark


@contextmanager
def _bars() -> Iterator[tuple[Progress, Say]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, highlight=False)
    fields = (TextColumn("{task.fields[amount]}"), TextColumn("{task.fields[speed]}"))
    columns = (TextColumn("{task.description}"), BarColumn(), *fields)
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as bars:

        def progress(what: str, done: int, total: int) -> None:
            task = tasks.get(what)
            if task is None:
                for other in tasks.values():
                    bars.remove_task(other)
                tasks.clear()
                task = tasks[what] = bars.add_task(what, total=total, completed=max(0, done - 1), amount="", speed="")
            rate = bars.tasks[0].speed
            amount, speed = amounts(what, done, total, rate)
            bars.update(task, completed=done, total=total, amount=amount, speed=speed)

        yield progress, lambda text: console.print("\n".join(wrapped(text, further="  ")), markup=False, soft_wrap=True)


def _sparse(seconds: float = 15.0) -> Progress:
    """Progress for logs: one line every `seconds`, with the speed and the time left at the speed so far."""
    last = time.monotonic()
    begun: dict[str, tuple[float, int]] = {}

    def progress(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        since, before = begun.setdefault(what, (now, done))
        if now - last < seconds:
            return
        last = now
        rate = (done - before) / (now - since) if done > before and now > since else None
        amount, speed = amounts(what, done, total, rate)
        left = f" ({speed}, {_duration((total - done) / rate)} left)" if rate else ""
        note(f"{what}: {amount}{left}")

    return progress


def amounts(what: str, done: int, total: int, rate: float | None) -> tuple[str, str]:
    """`3.4 of 16.8 Mpx` and `2.03 Mpx/s` where pixels are counted, else `3 of 16` and `2.0/s`; no speed yet: empty."""
    if what.endswith("pixels"):
        return f"{done / 1e6:.1f} of {total / 1e6:.1f} Mpx", f"{rate / 1e6:.2f} Mpx/s" if rate else ""
    return f"{done} of {total}", f"{rate:.1f}/s" if rate else ""


def _duration(seconds: float) -> str:
    """`45 s`, `12 min` or `3.5 h`, rounded."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
