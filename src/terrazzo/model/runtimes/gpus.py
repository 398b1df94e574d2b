"""Whether a model can be shared among several GPUs of this machine."""

from collections.abc import Mapping

from terrazzo.errors import InputError

ONE_GPU, CUDA = ":", "cuda"


def check_gpus(device: str, devices: int, found: Mapping[str, str], instead: str = "") -> None:
    """Raise InputError where what a model computes on is no GPU, or there are fewer than `devices`.

    `device` is the word that was given, `found` what it came to (`opening.computes_on`), `instead` another way.
    """
    if devices < 1:
        raise InputError(f"--devices {devices}: expected at least 1")
    if devices == 1:
        return
    if ONE_GPU in device:
        raise InputError(f"--device {device}: is one device, --devices {devices} asks for more; leave one of them out")
    if found["device"] != CUDA:
        raise InputError(
            f"--devices {devices}: is for GPUs, and {found['runtime']} computes on the {found['device'].upper()} here, "
            f"with all its cores; leave it out{instead}"
        )
    import torch

    there = torch.cuda.device_count()
    if devices > there:
        raise InputError(f"--devices {devices}: this torch sees {there} GPUs; use --devices {there} or fewer")


def gpu(number: int) -> str:
    """The word for GPU `number`."""
    return f"{CUDA}{ONE_GPU}{number}"
