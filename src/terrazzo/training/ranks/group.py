"""The processes of a run as one group of torch.distributed: NCCL between GPUs, gloo between CPUs."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from terrazzo.errors import InputError
from terrazzo.model.hardware import check_gpu_count, choose, gpu_count
from terrazzo.model.normalization import Normalization
from terrazzo.training.ranks.environment import SLURM, Place, check_cores
from terrazzo.training.run_folder import Run

_PATIENCE = timedelta(days=1)
"""How long processes wait for each other: the leader may cut a large data set into patches first. One that is gone is
noticed at once, by its closed connection."""


@dataclass(frozen=True)
class Job:
    """What the leader asks of the others: to take part in this fit."""

    run: Run
    """Its recipe settled; silent."""
    normalization: Normalization | None
    """That of the network; None where the run starts from a model, which has its own."""


@contextmanager
def joined(place: Place, device: str, rendezvous: Path | None = None) -> Iterator[None]:
    """This process as part of the group. A group that the run started itself meets in the file `rendezvous`."""
    on_gpu = choose(device).device.type == "cuda"
    variables = place.variables | (_of_slurm() if place.by == SLURM else {})
    with variables_set(variables):
        if on_gpu:
            torch.cuda.set_device(place.local)
        store = None
        if rendezvous is not None:
            store = distributed.FileStore(str(rendezvous), place.count)  # type: ignore[attr-defined]
        distributed.init_process_group(
            "nccl" if on_gpu else "gloo", store=store, rank=place.number, world_size=place.count, timeout=_PATIENCE
        )
        try:
            yield
        finally:
            leave()


def is_member() -> bool:
    """Whether this process is part of a group."""
    return distributed.is_initialized()


def leave() -> None:
    """Leave the group, if this process is in one: the others find their connections closed."""
    with suppress(RuntimeError):
        if is_member():
            distributed.destroy_process_group()


def send(message: Any) -> None:
    """Send a message from the leader to all others."""
    distributed.broadcast_object_list([message])


def receive() -> Any:
    """The leader's next message."""
    messages = [None]
    distributed.broadcast_object_list(messages)
    return messages[0]


def own_device(device: str, place: Place) -> str:
    """The device of a process: `device`, of several GPUs its own. Raises InputError where there are fewer."""
    if place.count == 1:
        return device
    found = choose(device).device.type
    if found == "cpu":
        return found
    there = gpu_count(found)
    if place.local >= there:
        raise InputError(f"--devices: this torch sees {there} GPUs, and process {place.local + 1} has none; use fewer")
    return f"cuda:{place.local}"


def refuse_too_many(device: str, devices: int) -> None:
    """Raise InputError where there are fewer than `devices` GPUs, or CPU cores where there is no GPU."""
    if devices == 1:
        return
    found = choose(device).device.type
    if found == "cpu":
        check_cores(devices)
        return
    check_gpu_count(devices, found)


def is_lost(error: BaseException) -> bool:
    """Whether an error says that another process of the group is gone, and not why."""
    words = str(error).lower()
    return isinstance(error, distributed.DistError) or (
        isinstance(error, RuntimeError) and any(word in words for word in ("gloo", "nccl", "connection", "peer"))
    )


@contextmanager
def variables_set(variables: Mapping[str, str]) -> Iterator[None]:
    """The environment with these variables, restored at the end."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _of_slurm() -> dict[str, str]:
    """Where the processes of a SLURM job meet, as Lightning finds it."""
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    found = SLURMEnvironment(auto_requeue=False)
    return {"MASTER_ADDR": found.main_address, "MASTER_PORT": str(found.main_port)}
