"""The CPU with its features, the devices that torch sees, free memory and disk."""

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from terrazzo.system.extras import installed
from terrazzo.system.machine import cpu_flags, cpu_name, free_bytes
from terrazzo.system.reporting import first_line

FEATURES = {
    "avx2": ("avx2",),
    "avx512": ("avx512f",),
    "bf16": ("avx512_bf16", "amx_bf16", "bf16"),
    "amx": ("amx_tile",),
    "vnni": ("avx512_vnni", "avx_vnni"),
}
"""Features of a CPU that decide how fast a network is, and the flags of which one is enough."""
_NVIDIA = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Cpu:
    """The CPU, and which features it has; None for all where the system does not list them."""

    name: str
    n_cores: int
    features: dict[str, bool] | None


@dataclass(frozen=True)
class Device:
    """A value of --device, its name and its memory."""

    word: str
    name: str
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Machine:
    """What the machine has, and notes on what it does not use."""

    system: str
    cpu: Cpu
    devices: tuple[Device, ...]
    notes: tuple[str, ...]
    memory_free: int
    memory_total: int
    disk_free: int

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value; sizes are bytes, and `disk_free` is that of the working folder."""
        return {
            "system": self.system,
            "cpu": {"name": self.cpu.name, "cores": self.cpu.n_cores, "features": self.cpu.features},
            "devices": [vars(each) for each in self.devices],
            "memory": {"free_bytes": self.memory_free, "total_bytes": self.memory_total},
            "disk": {"folder": str(Path.cwd()), "free_bytes": self.disk_free},
        }


def look() -> Machine:
    """What this machine has. torch is imported if it is installed: it alone knows the GPUs that it can use."""
    devices, notes = _devices()
    return Machine(
        system=platform.platform(),
        cpu=_cpu(),
        devices=devices,
        notes=notes,
        memory_free=free_bytes(),
        memory_total=int(psutil.virtual_memory().total),
        disk_free=shutil.disk_usage(Path.cwd()).free,
    )


def features(flags: frozenset[str]) -> dict[str, bool] | None:
    """Which features a CPU with these flags has; None if no flag is known."""
    if not flags:
        return None
    return {name: not flags.isdisjoint(enough) for name, enough in FEATURES.items()}


def _cpu() -> Cpu:
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Cpu(cpu_name().split(",")[0], n_cores, features(cpu_flags()))


def _devices() -> tuple[tuple[Device, ...], tuple[str, ...]]:
    """The devices, and why a GPU is not among them."""
    cpu = (Device("cpu", "the CPU"),)
    driver = ("there is an NVIDIA driver, but {}",) if _NVIDIA.exists() else ()
    if not installed("torch"):
        return cpu, tuple(note.format('no torch: `pip install "terrazzo[train]"`') for note in driver)
    try:
        import torch
    except (ImportError, OSError, RuntimeError) as error:  # a damaged installation
        return cpu, (f"torch is installed, but cannot be imported: {first_line(error)}",)
    gpus = [
        Device(f"cuda:{index}", torch.cuda.get_device_name(index), torch.cuda.get_device_properties(index).total_memory)
        for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    ]
    apple = [Device("mps", "Apple GPU")] if torch.backends.mps.is_available() else []
    notes = () if gpus else tuple(note.format("this torch sees no GPU") for note in driver)
    return (*cpu, *gpus, *apple), notes
