"""Whether this machine can train, which *Improve* needs. Nothing is imported to find out."""

from terrazzo.errors import InputError
from terrazzo.system.extras import need_training

WHAT = "improving a model"


def why_no_training_here() -> str | None:
    """The line that says what is not installed, and what to do; None if models can be trained."""
    try:
        need_training(WHAT)
    except InputError as error:
        return str(error)
    return None
