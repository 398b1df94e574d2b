"""Numbers of threads that give the same bits everywhere.

How torch and oneDNN split a layer among threads decides the order in which numbers are added. Measured with U-Nets in
float32 and bf16 (torch 2.15, AVX-512): 2, 4, 8 and 16 threads give the same bits. 3, 5, 6, 7 and 12 each give others,
as does 1 for a U-Net without encoder in float32. So maps are computed with a power of two from 2.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


def steady_count(n_cores: int) -> int:
    """The largest power of two that is at most `n_cores`, but at least 2."""
    return max(2, 1 << (n_cores.bit_length() - 1))


class _Threads:
    """The number of torch's threads, which belongs to the process.

    The first thread in remembers it, and the last one out puts it back: several workers of a cluster can live in one
    process, with programs that use torch too.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._before = Lock(), 0, 0

    @contextmanager
    def as_steady(self, n_threads: int | None) -> Iterator[None]:
        import torch

        with self._lock:
            if self._inside == 0:
                self._before = torch.get_num_threads()
            self._inside += 1
        torch.set_num_threads(steady_count(n_threads or self._before))
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    torch.set_num_threads(self._before)


_THREADS = _Threads()


@contextmanager
def steady_threads(n_threads: int | None = None) -> Iterator[None]:
    """Let torch use such a number of threads, no more than `n_threads`; None: than it would have used.

    The number of before is restored at the end.
    """
    with _THREADS.as_steady(n_threads):
        yield
