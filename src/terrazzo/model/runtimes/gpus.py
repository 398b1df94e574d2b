"""Whether a model can be shared among several GPUs of this machine."""

from collections.abc import Mapping

from terrazzo.errors import InputError
from terrazzo.system.devices import check_several

CUDA = "cuda"


def check_gpus(device: str, devices: int, found: Mapping[str, str], instead: str = "") -> None:
    """Raise InputError where what a model computes on is no GPU, or there are fewer than `devices`.

    `device` is the word that was given, `found` what it came to (`opening.computes_on`), `instead` another way.
    """
    if devices < 1:
        raise InputError(f"--devices {devices}: expected at least 1")
    if devices == 1:
        return
    check_several(device, devices)
    if found["device"] != CUDA:
        raise InputError(
            f"--devices {devices}: is for GPUs, and {found['runtime']} computes on the {found['device'].upper()} here, "
            f"with all its cores; leave it out{instead}"
        )
    from terrazzo.model.hardware import check_gpu_count

    check_gpu_count(devices)


def gpu(number: int) -> str:
    """The word for GPU `number`."""
    return f"{CUDA}:{number}"
