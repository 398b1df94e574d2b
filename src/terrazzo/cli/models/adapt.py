"""`terrazzo adapt`: a model and scenes of a new place become a model for that place."""

from collections.abc import Sequence

from terrazzo.cli.output import line, next_command, wrote
from terrazzo.improving.adapted import Adapted


def tell(done: Adapted, *, scenes: Sequence[str]) -> None:
    """Print the report and where the model is."""
    for text in done.lines():
        line(text)
    wrote("an adapted model", [done.path], done.kept)
    next_command("terrazzo", "predict", done.path, *scenes, "--out", "maps")
