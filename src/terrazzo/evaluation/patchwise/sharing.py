"""Batches of patches spread over several devices. Each is computed by one of them alone, and they come in order."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

Model = TypeVar("Model")
Batch = TypeVar("Batch")
Result = TypeVar("Result")


def spread(
    models: Sequence[Model], work: Callable[[Model, Batch], Result], batches: Sequence[Batch]
) -> Iterator[Result]:
    """The work on each batch, in order. Batch i is done with model i modulo their number, in a thread of its own.

    Law: the results are those of `work` with one model, where the models are alike. No more batches are ahead than
    there are models.
    """
    n = len(models)
    if n == 1:
        yield from (work(models[0], batch) for batch in batches)
        return
    ahead: deque[Future[Result]] = deque()
    with ExitStack() as stack:
        threads = [stack.enter_context(ThreadPoolExecutor(1, "device")) for _ in models]
        for number, batch in enumerate(batches):
            ahead.append(threads[number % n].submit(work, models[number % n], batch))
            if len(ahead) > n:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
