"""`terrazzo tune`: which learning rate to train with."""

from collections.abc import Sequence

import terrazzo
from terrazzo.cli.output import line, next_command, wrote
from terrazzo.system.options import words_of
from terrazzo.training.tune import Tuned


def tell(found: Tuned, *, patches: str, recipe: str, changes: Sequence[str] | None) -> None:
    """Print the learning rate and where the curve is."""
    line(f"suggested learning rate: {found.lr:.2g}")
    wrote("a range test", [found.plot], found.kept)
    values = {"patches": patches, "changes": [*(changes or ()), found.assignment], "out": "runs/tuned"}
    next_command("terrazzo", "train", patches, "--recipe", recipe, *words_of(terrazzo.train, values)[1:])
