"""A model soup: one model whose weights are the mean of several models' (Wortsman et al. 2022, arXiv 2203.05482).

Such a mean makes sense only of networks of one shape that were trained from the same weights.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from terrazzo.errors import InputError
from terrazzo.model.averaging.together import Member, refuse_unlike
from terrazzo.recipe.sections import ModelSection

if TYPE_CHECKING:
    from torch import Tensor

    from terrazzo.model.bundle import Bundle

State = dict[str, "Tensor"]
_OF_TRAINING = ("encoder_weights", "dropout", "scale", "mean", "std")
"""Fields that do not shape the network, or are compared elsewhere."""


def refuse_no_soup(members: Sequence[Member]) -> None:
    """Raise InputError unless the weights of the models can be averaged; names the first difference.

    What `refuse_unlike` compares must agree, and so must architecture, normalization and the weights that the encoder
    was trained from, which must not be random.
    """
    refuse_unlike(members)
    (path, first), *others = members
    for other_path, other in others:
        for field in (field for field in ModelSection.model_fields if field not in _OF_TRAINING):
            ours, theirs = getattr(first.model, field), getattr(other.model, field)
            if ours != theirs:
                raise _no_soup(f"{other_path}: model.{field} is {theirs}, and {path} {ours}")
        if first.normalization != other.normalization:
            raise _no_soup(f"{other_path}: is normalized with other numbers than {path}")
    for other_path, other in members:
        ours, theirs = first.model.encoder_weights, other.model.encoder_weights
        if theirs == "none":
            raise _no_soup(f"{other_path}: was trained from random weights (model.encoder_weights is none)")
        if ours != theirs:
            raise _no_soup(f"{other_path}: was trained from the encoder weights {theirs}, and {path} from {ours}")


def mean_state(states: Iterable[State]) -> State:
    """The mean of weights of the same names: floats added up in float64, whole numbers those of the first."""
    import torch

    first: State = {}
    sums: State = {}
    count = 0
    for state in states:
        count += 1
        first = first or dict(state)
        for name, tensor in state.items():
            if tensor.is_floating_point():
                wide = tensor.detach().to("cpu", torch.float64)
                sums[name] = sums[name] + wide if name in sums else wide
    return {
        name: (sums[name] / count).to(tensor.dtype) if name in sums else tensor.detach().cpu().clone()
        for name, tensor in first.items()
    }


def renew_statistics(bundle: "Bundle", batches: Iterable["Tensor"]) -> bool:
    """Compute the statistics of all batch normalizations anew, in place, as their means over batches (B, C, H, W).

    Whether the network has any.
    """
    import torch

    network = bundle.network
    layers = [module for module in network.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    if not layers:
        return False
    with _learning(layers), torch.no_grad(), bundle.compute.autocast():
        for pixels in batches:
            network(pixels.to(bundle.compute.device).contiguous(memory_format=bundle.compute.memory_format))
    return True


@contextmanager
def _learning(layers: Sequence["torch.nn.modules.batchnorm._BatchNorm"]) -> Iterator[None]:  # type: ignore[name-defined]  # noqa: F821
    """Let the layers take the plain mean of the statistics of all batches that come."""
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    try:
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum
            layer.eval()


def _no_soup(what: str) -> InputError:
    return InputError(f"{what}; weights of such models have no common mean: predict with them together instead")
