"""Device, precision and memory format: the fastest on this machine, chosen in one place for all commands."""

import ctypes
import os
import sys
from dataclasses import dataclass
from typing import Any, Literal

import torch

from terrazzo.errors import InputError
from terrazzo.system import machine
from terrazzo.system.devices import check_compute
from terrazzo.system.machine import cpu_flags

Precision = Literal["32", "bf16"]
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from malloc.h


@dataclass(frozen=True)
class Compute:
    """Where and how to compute."""

    device: torch.device
    precision: Precision
    channels_last: bool

    @property
    def memory_format(self) -> torch.memory_format:
        """The tensors' memory format."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def autocast(self) -> torch.autocast:
        """A context that runs the network at the chosen precision."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16")

    def describe(self) -> str:
        """`cpu, bf16, channels-last` for messages."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else str(self.device)
        return ", ".join(
            [name, "float32" if self.precision == "32" else "bf16", *["channels-last"] * self.channels_last]
        )


def choose(device: str = "auto", precision: str = "auto", channels_last: str = "auto") -> Compute:
    """The compute of these options; `auto` is the fastest on this hardware. Raises InputError for other words."""
    check_compute(device, precision)
    found = _device(device)
    if found.type == "cpu":
        reuse_memory()
    chosen: Precision = "32" if precision == "32" or (precision == "auto" and not has_fast_bf16(found)) else "bf16"
    return Compute(found, chosen, channels_last != "no" and found.type != "mps")


def gpu_count(kind: str = "cuda") -> int:
    """How many GPUs of a kind of device torch sees; there is one `mps` at most."""
    return torch.cuda.device_count() if kind == "cuda" else 1


def check_gpu_count(devices: int, kind: str = "cuda") -> None:
    """Raise InputError where there are fewer than `devices` GPUs."""
    if devices > (there := gpu_count(kind)):
        raise InputError(f"--devices {devices}: this torch sees {there} GPUs; use --devices {there} or fewer")


def reuse_memory() -> None:
    """Let the C library keep freed memory for the next layer instead of returning it to the system.

    A network on a CPU frees and allocates tens of megabytes per layer. By default glibc maps each block anew, and the
    kernel clears its pages again. With higher thresholds and huge pages, training steps took about half the time (U-Net
    with EfficientNet-Lite0, batch 8, 256 px, two cores: 12 images/s, not 6). Only glibc is configured.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch reads it at its first large allocation
    mallopt = _glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def release_memory(device: torch.device) -> None:
    """Return freed memory to the system or the GPU, so that what is measured as free afterwards is all there is."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    malloc_trim = _glibc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _glibc(function: str) -> Any:
    """A function of the C library; None where it is not glibc."""
    if sys.platform != "linux":
        return None
    try:
        return getattr(ctypes.CDLL("libc.so.6"), function)
    except (OSError, AttributeError):
        return None


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16: a CPU with AVX-512 BF16 or AMX, a CUDA GPU from Ampere on."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    flags = cpu_flags()
    if flags:
        return machine.has_fast_bf16()
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # the kernel lists none (macOS, Windows)
    return bool(probe is not None and probe())


def _device(word: str) -> torch.device:
    if word == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")
    device = torch.device(word)
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise InputError(f"--device {word}: this torch sees {torch.cuda.device_count()} CUDA GPUs; use --device cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError(f"--device {word}: there is no Apple GPU here; use --device cpu")
    return device
