"""An opened model that stays in memory between the commands of one process, as for the jobs of a worker.

Laws: it gives the same bytes as one that is opened anew, as nothing that is computed changes it. It is known by its
file's path and content, so a file that changed is opened anew. Before another model is opened, this one is let go.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terrazzo.model.opening import ModelFile
    from terrazzo.model.predictor import Predictor

Open = Callable[["ModelFile", int | None], "Predictor"]


class KeptModel:
    """One model, or several that predict together, opened in each way that was asked for."""

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._opened: dict[tuple[object, ...], Predictor] = {}

    def get(self, file: "ModelFile", n_threads: int | None, open_anew: Open) -> "Predictor":
        """The model of a file: the one in memory, or what `open_anew` gives, which then stays."""
        of = tuple((each.path.absolute(), each.digest) for each in file.every)
        if of != self._of:
            self.let_go()
        how = (n_threads, *((each.device, each.precision, each.runtime) for each in file.every))
        if how not in self._opened:
            self._of, self._opened[how] = of, open_anew(file, n_threads)
        return self._opened[how]

    def let_go(self) -> None:
        """Free the memory."""
        self._of = ()
        self._opened.clear()


_KEPT: ContextVar[KeptModel | None] = ContextVar("kept model", default=None)


def kept_model() -> KeptModel | None:
    """The model that this block keeps; None outside `keeping_model`, and in other threads."""
    return _KEPT.get()


@contextmanager
def keeping_model() -> Iterator[KeptModel]:
    """Keep the last model that was opened while the block runs."""
    kept = KeptModel()
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)
        kept.let_go()
