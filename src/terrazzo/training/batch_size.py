"""The automatic batch size: as many patches a step as memory holds.

On a CPU a process that runs out of memory is killed and cannot recover, so the batch size is estimated from free
memory. On a GPU the estimate is tried with a real step, and halved until the step fits.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from terrazzo.model.hardware import Compute
from terrazzo.system.machine import free_bytes
from terrazzo.system.reporting import Say

MOST_ON_CPU, MOST_ON_GPU = 16, 256  # larger batches are no faster
SHARE = 0.6
"""The share of free memory that a run may use; the rest is for decoding, validation and other programs."""
_WORKING = 1.4
"""Memory of a step over that of its saved activations, for gradients and workspaces. Measured at batch 8 on a CPU: 1.1
(U-Net ResNet34) and 1.25 (EfficientNet-Lite0)."""
_COPIES = 4
"""A weight, its gradient and Adam's two moments."""


def estimate(network: nn.Module, bands: int, size: int, compute: Compute) -> tuple[int, int]:
    """Bytes that training takes: those for any batch, and those per patch of `size` pixels a side.

    Estimated from one forward pass on a copy of the network.
    """
    trial = _copy(network, compute)
    saved: dict[int, int] = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in trial.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    pixels = torch.zeros((2, bands, size, size), device=compute.device).contiguous(memory_format=compute.memory_format)
    # Two patches, because batch normalization refuses a single value per channel.
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), compute.autocast():
        logits = trial(pixels)
        loss = logits.float().log_softmax(dim=1).mean()
    total = sum(saved.values())
    del loss, logits
    weights = sum(parameter.numel() * parameter.element_size() for parameter in trial.parameters())
    return weights * _COPIES, int(total / 2 * _WORKING)


def largest(fixed: int, per_patch: int, free: int, most: int) -> int:
    """The largest power of two b <= most with fixed + b * per_patch <= SHARE * free; at least 1."""
    room = max(SHARE * free - fixed, 0) / max(per_patch, 1)
    batch = 1
    while batch * 2 <= min(room, most):
        batch *= 2
    return batch


def free_memory(device: torch.device) -> int:
    """Free bytes of the GPU, or of the machine within its container's limit."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return free_bytes()


def fitting_by_trial(batch: int, step: Callable[[int], None]) -> int:
    """The largest of batch, batch / 2, ..., 1 whose `step` fits into memory. Raises the error of 1 if it does not."""
    while True:
        try:
            step(batch)
        except torch.OutOfMemoryError:
            if batch == 1:
                raise
            torch.cuda.empty_cache()
            batch //= 2
        else:
            return batch


def settle(
    network: nn.Module, shape: tuple[int, int], n_train: int, compute: Compute, say: Say, n_processes: int = 1
) -> int:
    """The batch size for patches of `shape` (bands, pixels a side): a power of two, or all patches if there are few.

    It is reported. `n_processes` share the memory of a CPU, and have a GPU each. A power of two could leave a last
    batch of one patch, from which batch normalization cannot learn.
    """
    bands, size = shape
    on_gpu = compute.device.type != "cpu"
    fixed, per_patch = estimate(network, bands, size, compute)
    free = free_memory(compute.device) // (1 if on_gpu else n_processes)
    batch = min(largest(fixed, per_patch, free, MOST_ON_GPU if on_gpu else MOST_ON_CPU), n_train)
    if on_gpu:
        batch = fitting_by_trial(batch, lambda size_of_batch: _step(network, bands, size, size_of_batch, compute))
    shared = " for each process" if n_processes > 1 and not on_gpu else ""
    say(
        f"batch size auto: {batch} (about {per_patch / 2**20:.0f} MiB per patch plus {fixed / 2**20:.0f} MiB; "
        f"{free / 2**30:.1f} GiB free on {compute.device}{shared})"
    )
    if fixed + batch * per_patch > free:
        say("this exceeds free memory: use a smaller --patch-size or a smaller network")
    return batch


def _step(network: nn.Module, bands: int, size: int, batch: int, compute: Compute) -> None:
    """Forward and backward pass of one batch on a copy of the network, to see whether memory holds it."""
    trial = _copy(network, compute)
    pixels = torch.zeros((batch, bands, size, size), device=compute.device)
    with compute.autocast():
        loss = trial(pixels.contiguous(memory_format=compute.memory_format)).float().log_softmax(dim=1).mean()
    loss.backward()


def _copy(network: nn.Module, compute: Compute) -> nn.Module:
    return copy.deepcopy(network).to(compute.device).to(memory_format=compute.memory_format).train()
