"""`terrazzo suggest`: a model and scenes become boxes to label."""

from collections.abc import Sequence
from pathlib import Path

from terrazzo.cli.output import line, next_command, wrote
from terrazzo.improving.suggesting.suggestion import Suggestion


def tell(done: Suggestion, *, model: str, scenes: Sequence[str]) -> None:
    """Print why the boxes were chosen, and what to do with them."""
    for text in done.lines():
        line(text)
    wrote("boxes", [done.path])
    if done.path.is_dir():
        sources: list[str | Path] = [done.path]
        before = f"correct {done.path / 'masks'}, then "
    else:
        sources = [*scenes, done.path]
        before = "correct the polygons in QGIS, set `checked` of the boxes that you looked at, then "
    next_command("terrazzo", "prepare", *sources, "--for", model, "--out", "corrections", before=before)
