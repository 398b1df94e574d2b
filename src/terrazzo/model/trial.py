"""Networks tried before they are trained: what does not go together is one line, not a traceback.

Architecture, encoder and patch size may each be right and still not fit: a pyramid that halves 64 px too often, or an
encoder for images of one size. Only the library's own code knows, so the network is run.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from terrazzo.errors import RecipeError
from terrazzo.model.hardware import Compute, release_memory
from terrazzo.model.network import NETWORK_ERRORS, WHAT_FITS, build_model, normalization_for
from terrazzo.recipe.sections import ModelSection
from terrazzo.system.reporting import first_line

_LARGER = (64, 128, 256, 512)
"""Patch sizes that are tried to name one that fits."""


@dataclass(frozen=True)
class Trial:
    """What a network is to be trained on, and how."""

    bands: int
    n_classes: int
    sizes: tuple[int, ...]
    """Height and width of the patches, in pixels: one, or those of the stages."""
    window: int
    """Height and width of the windows that prediction uses by default."""
    batch: int = 2
    """Patches a step, 1 or 2: one alone may be too few for batch normalization."""


def try_model(section: ModelSection, trial: Trial, compute: Compute) -> None:
    """Raise RecipeError, naming architecture and encoder, if the network cannot be trained or used.

    A step forward and back for each size of patch, and a window forward, all on black images. The network is built for
    it and dropped, and torch's random state stays as it was. The classic U-Net takes every size and is not run.
    """
    if section.encoder is None:
        return
    devices = [compute.device] if compute.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        problem = _problem(section, trial, compute)
    release_memory(compute.device)  # the batch size is chosen by what is free
    if problem is not None:
        raise RecipeError(f"model: {section.arch} with encoder {section.encoder} {problem}")


def _problem(section: ModelSection, trial: Trial, compute: Compute) -> str | None:
    """What does not go together, and the remedy; None if all does. The network lives no longer than this call."""
    normalization = normalization_for(section, trial.bands)
    network = build_model(section, trial.bands, trial.n_classes, normalization)
    network.to(compute.device).to(memory_format=compute.memory_format)
    for size in trial.sizes:
        problem = _training_problem(network, trial, size, compute)
        if problem is not None:
            fits = next((it for it in _LARGER if it > size and _learns(network, trial, it, compute)), None)
            remedy = WHAT_FITS if fits is None else f"prepare with --patch-size {fits}, or choose another encoder"
            return f"{problem}; {remedy}"
    problem = _window_problem(network, trial, compute)
    return None if problem is None else f"{problem}; {WHAT_FITS}"


def _learns(network: nn.Module, trial: Trial, size: int, compute: Compute) -> bool:
    return _training_problem(network, trial, size, compute) is None


def _training_problem(network: nn.Module, trial: Trial, size: int, compute: Compute) -> str | None:
    """Why the network cannot be trained on patches of this size; None if it can."""
    try:
        logits = _logits(network.train(), (trial.batch, trial.bands, size, size), compute)
        logits.float().log_softmax(dim=1).mean().backward()  # type: ignore[no-untyped-call]
    except torch.OutOfMemoryError:
        return None  # memory is the batch size's affair, which has lines of its own
    except NETWORK_ERRORS as error:
        if "more than 1 value per channel" in str(error):
            return None  # likewise
        return f"cannot be trained on patches of {size} px ({first_line(error):.160})"
    height, width = logits.shape[-2:]
    return None if (height, width) == (size, size) else f"maps patches of {size} px as {height} x {width} px"


def _window_problem(network: nn.Module, trial: Trial, compute: Compute) -> str | None:
    """Why a trained network could not map a window; None if it can."""
    try:
        with torch.inference_mode():
            _logits(network.eval(), (1, trial.bands, trial.window, trial.window), compute)
    except torch.OutOfMemoryError:
        return None
    except NETWORK_ERRORS as error:
        return f"cannot map windows of {trial.window} px ({first_line(error):.160})"
    return None


def _logits(network: nn.Module, shape: tuple[int, ...], compute: Compute) -> Tensor:
    """Logits (B, K, H, W) of black images (B, C, H, W)."""
    pixels = torch.zeros(shape, device=compute.device).contiguous(memory_format=compute.memory_format)
    with compute.autocast():
        logits: Tensor = network(pixels)
    return logits
