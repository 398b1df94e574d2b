"""Numbers of threads that give the same bits everywhere.

How torch and oneDNN split a layer among threads decides the order in which numbers are added. Measured with U-Nets in
float32 and bf16 (torch 2.15, AVX-512): 2, 4, 8 and 16 threads give the same bits. 3, 5, 6, 7 and 12 each give others,
as does 1 for a U-Net without encoder in float32. So maps are computed with a power of two from 2.
"""

from collections.abc import Iterator
from contextlib import contextmanager


def steady_count(n_cores: int) -> int:
    """The largest power of two that is at most `n_cores`, but at least 2."""
    return max(2, 1 << (n_cores.bit_length() - 1))


@contextmanager
def steady_threads() -> Iterator[None]:
    """Let torch use such a number of threads, no more than it would have used; restored at the end."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(steady_count(before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
