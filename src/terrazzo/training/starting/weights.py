"""The network of a run that starts from a model: its weights, and small random ones for new classes."""

from collections.abc import Mapping

import torch
from torch import Tensor

from terrazzo.errors import InputError
from terrazzo.model.bundle import load
from terrazzo.model.hardware import Compute
from terrazzo.model.network import Network, build_model
from terrazzo.recipe.sections import TrainSection
from terrazzo.training.starting.begun import Begun
from terrazzo.training.starting.teacher import Teacher

SMALL = 0.1
"""The deviation of a new class's weights, as a share of the deviation of the old ones."""


def started_network(begun: Begun, seed: int) -> Network:
    """The start model's network with an output for each class of the run. The seed decides the new weights."""
    header, n_classes = begun.start.header, begun.patches.schema.n_classes
    state = load(begun.start.path, "cpu", "32").network.state_dict()
    torch.manual_seed(seed)
    network = build_model(header.model, header.bands, n_classes, header.normalization)
    try:
        network.load_state_dict(grown(state, network.state_dict(), seed))
    except RuntimeError as error:
        raise InputError(
            f"--from {begun.start.path}: {header.title} cannot take new classes; prepare patches of its own classes"
        ) from error
    return network


def teacher_of(begun: Begun, recipe: TrainSection, compute: Compute) -> Teacher | None:
    """The start model as the teacher of the run; None where its losses have no weight."""
    kept = recipe.distill_kept if begun.kept is not None else 0.0
    if not recipe.distill and not kept:
        return None
    network = load(begun.start.path, "cpu", "32").network
    network.temperature = 1.0  # as the network that it teaches is trained
    return Teacher(network.to(compute.device).to(memory_format=compute.memory_format), recipe.distill, kept)


def grown(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """The weights with as many rows as wanted, by name; a tensor that has them already stays as it is.

    Laws: the old rows are unchanged, so the old classes' logits are too. A new row of weights is normal with `SMALL`
    times the old rows' deviation, and a new bias is the lowest old one. So a new class is seldom the most probable
    before it is learnt, and the map does not change at once.
    """
    generator = torch.Generator().manual_seed(seed)
    return {name: _with_rows(tensor, len_of(wanted[name]), generator) for name, tensor in state.items()}


def len_of(tensor: Tensor) -> int:
    """Its rows; 0 of a single number."""
    return tensor.shape[0] if tensor.ndim else 0


def _with_rows(tensor: Tensor, n: int, generator: torch.Generator) -> Tensor:
    more = n - len_of(tensor)
    if more <= 0:
        return tensor
    if tensor.ndim == 1:
        return torch.cat((tensor, tensor.min().expand(more)))
    noise = torch.randn((more, *tensor.shape[1:]), generator=generator)
    return torch.cat((tensor, noise * (SMALL * tensor.std())))
