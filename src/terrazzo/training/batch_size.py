"""How many patches a training step takes where the recipe says `auto`: what the memory holds.

On a CPU running out of memory is a kill that nobody can catch, so the answer is an estimate against free memory. On a
GPU the estimate is tried with a real step, and halved until the step fits.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from terrazzo.model.hardware import Compute
from terrazzo.system.machine import free_bytes
from terrazzo.system.reporting import Say

MOST_ON_CPU, MOST_ON_GPU = 16, 256  # larger batches are no faster there
SHARE = 0.6
"""The share of free memory that a run may plan with; the rest is for decoding, validation and everybody else."""
_WORKING = 1.4
"""Memory of a step over that of its saved activations, for gradients and workspaces: measured 1.1 (U-Net ResNet34) and
1.25 (EfficientNet-Lite0), at batch 8 on a CPU."""
_COPIES = 4
"""A weight, its gradient and Adam's two moments."""


def estimate(network: nn.Module, bands: int, size: int, compute: Compute) -> tuple[int, int]:
    """Bytes that training takes (whatever the batch, per patch of `size`): from one forward pass with one patch.

    The network is left as it is: the pass runs on a copy.
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
    # Two patches: batch normalization of one value a channel is refused where the smallest level is one pixel.
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
    """Bytes that may still be used: of the GPU, or of the machine within its container's limit."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return free_bytes()


def fitting_by_trial(batch: int, step: Callable[[int], None]) -> int:
    """The largest of batch, batch / 2, ... , 1 whose `step` does not run out of memory. Raises the error of 1."""
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


def settle(network: nn.Module, bands: int, size: int, n_train: int, compute: Compute, say: Say) -> int:
    """The batch size for training patches of `size`, said with its reason: a power of two, or all patches there are.

    All of them at once, where they are few, rather than a power of two and a last batch of one, which batch
    normalization cannot learn from.
    """
    on_gpu = compute.device.type != "cpu"
    fixed, per_patch = estimate(network, bands, size, compute)
    free = free_memory(compute.device)
    batch = min(largest(fixed, per_patch, free, MOST_ON_GPU if on_gpu else MOST_ON_CPU), n_train)
    if on_gpu:
        batch = fitting_by_trial(batch, lambda size_of_batch: _step(network, bands, size, size_of_batch, compute))
    say(
        f"batch size auto: {batch} (about {per_patch / 2**20:.0f} MiB a patch and {fixed / 2**20:.0f} MiB besides; "
        f"{free / 2**30:.1f} GiB are free on {compute.device}); kept in the run's recipe"
    )
    if fixed + batch * per_patch > free:
        say("that is more than is free: use a smaller --patch-size or a smaller network")
    return batch


def _step(network: nn.Module, bands: int, size: int, batch: int, compute: Compute) -> None:
    """Forward and backward of one batch on a copy, for its memory alone."""
    trial = _copy(network, compute)
    pixels = torch.zeros((batch, bands, size, size), device=compute.device)
    with compute.autocast():
        loss = trial(pixels.contiguous(memory_format=compute.memory_format)).float().log_softmax(dim=1).mean()
    loss.backward()


def _copy(network: nn.Module, compute: Compute) -> nn.Module:
    return copy.deepcopy(network).to(compute.device).to(memory_format=compute.memory_format).train()
