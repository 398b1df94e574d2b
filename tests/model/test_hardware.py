"""Memory of the process: kept for the next layer, and returned when asked."""

import subprocess
import sys

import pytest

SCRIPT = """
import torch
from terrazzo.model.hardware import release_memory, reuse_memory

def resident():  # MiB
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

reuse_memory()
blocks = [torch.ones(2**18) for _ in range(200)]  # 200 MiB in blocks of 1 MiB
full = resident()
del blocks
kept = resident()
release_memory(torch.device("cpu"))
print(full - kept, kept - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap is configured on Linux alone")
def test_freed_memory_is_kept_until_it_is_released() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    freed, released = map(float, done.stdout.split())
    assert freed < 50  # MiB of 200
    assert released > 100
