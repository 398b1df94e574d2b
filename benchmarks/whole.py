"""Runs that a benchmark may count: those that came to their end."""

from terrazzo.errors import StoppedError
from terrazzo.training.run import Trained


def whole(run: Trained) -> Trained:
    """The run. Raises StoppedError where Ctrl-C ended it: its model is the best so far, and no figure."""
    if run.interrupted:
        raise StoppedError(f"{run.model.parent}: stopped by Ctrl-C; the same command goes on")
    return run
