"""As many threads as give the same bits everywhere.

How torch and oneDNN divide a layer among threads decides which numbers are added in which order. Measured with U-Nets
in float32 and bf16 (torch 2.15, AVX-512): 2, 4, 8 and 16 threads give the same bits; 3, 5, 6, 7 and 12 others, each its
own; and 1 thread its own for a U-Net without encoder in float32. So maps are computed with a power of two from 2.
"""

from collections.abc import Iterator
from contextlib import contextmanager


def steady_count(n_cores: int) -> int:
    """How many threads use at most so many cores: a power of two, but 2 at least."""
    return max(2, 1 << (n_cores.bit_length() - 1))


@contextmanager
def steady_threads() -> Iterator[None]:
    """Let torch compute so in this thread, on no more cores than it would have used; as before in the end."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(steady_count(before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
