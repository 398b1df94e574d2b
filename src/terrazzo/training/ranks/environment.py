"""How many devices a run has, and who starts their processes: this command, torchrun or SLURM. Without torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from terrazzo.errors import InputError
from terrazzo.system.devices import check_several
from terrazzo.system.machine import usable_cores

TORCHRUN, SLURM = "torchrun", "SLURM"


@dataclass(frozen=True)
class Place:
    """The place of this process among those of a run."""

    number: int
    count: int
    local: int
    """Its number on its own machine, which is that of its device."""
    by: str | None = None
    """What started it: TORCHRUN, SLURM, or None, the run itself."""

    @property
    def variables(self) -> dict[str, str]:
        """What torch's processes find in their environment."""
        return {"RANK": str(self.number), "WORLD_SIZE": str(self.count), "LOCAL_RANK": str(self.local)}


def place_in(devices: int, nodes: int, environ: Mapping[str, str] = os.environ) -> Place:
    """The place that torchrun or SLURM gave this process, else that of a leader, which starts the others itself.

    Raises InputError where they started other than `devices` times `nodes` processes, or `nodes` are several and nobody
    started any.
    """
    for name, value in (("--devices", devices), ("--nodes", nodes)):
        if value < 1:
            raise InputError(f"{name} {value}: expected at least 1")
    count = devices * nodes
    if "TORCHELASTIC_RUN_ID" in environ:
        started = int(environ["WORLD_SIZE"])
        if started != count:
            raise InputError(
                f"--devices {devices} --nodes {nodes}: {count} processes, but torchrun started {started}; give the "
                "same numbers as its --nproc-per-node and --nnodes"
            )
        return Place(int(environ["RANK"]), count, int(environ["LOCAL_RANK"]), TORCHRUN) if count > 1 else Place(0, 1, 0)
    if count > 1 and environ.get("SLURM_NTASKS") == str(count) and "SLURM_PROCID" in environ:
        return Place(int(environ["SLURM_PROCID"]), count, int(environ["SLURM_LOCALID"]), SLURM)
    if nodes > 1:
        raise InputError(
            f"--nodes {nodes}: the processes of several nodes are started by torchrun or SLURM, and this one was not; "
            f"use torchrun --nnodes {nodes} --nproc-per-node {devices} -m terrazzo.cli train ..., or "
            f"srun --ntasks {count}"
        )
    return Place(0, count, 0)


def check_devices(device: str, devices: int) -> None:
    """Raise InputError where `device` is a single one, or a CPU with fewer cores than `devices`; GPUs are not counted.

    Each process on a CPU is a device.
    """
    check_several(device, devices)
    if devices > 1 and device == "cpu":
        check_cores(devices)


def check_cores(devices: int) -> None:
    """Raise InputError where this process may use fewer CPU cores than there are to be processes."""
    cores = usable_cores()
    if devices > cores:
        raise InputError(
            f"--devices {devices}: there are {cores} CPU cores for as many processes here; use --devices {cores} or "
            "fewer"
        )
