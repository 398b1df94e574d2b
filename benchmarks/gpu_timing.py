"""Seconds of work on a device that computes while the host goes on, and its rate of bf16 products."""

import time
from collections.abc import Callable
from typing import Any


def seconds_of(work: Callable[[], Any], n: int, device: Any) -> float:
    """Seconds of one call, the mean of `n` after two that are not counted."""
    import torch

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(2):
        work()
    wait()
    started = time.perf_counter()
    for _ in range(n):
        work()
    wait()
    return (time.perf_counter() - started) / n


def matrix_rate(side: int, device: Any) -> float:
    """Multiplications and additions a second of a bf16 product of two square matrices."""
    import torch

    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / seconds_of(lambda: left @ right, 10, device)
