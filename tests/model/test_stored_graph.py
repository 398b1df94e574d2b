"""The graph in a model.safetensors: it computes what torch computes, with the weights of the file alone."""

import json
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import terrazzo
from terrazzo.errors import InputError, ModelFileError
from terrazzo.model import bundle, onnx_model, opening
from terrazzo.model.exporting import graph_making
from terrazzo.model.exporting.stored_graph import GRAPH_KEY, packed, read_graph, read_weights
from terrazzo.model.header import METADATA_KEY, Calibration, Header
from terrazzo.model.normalization import Normalization
from terrazzo.model.onnx_model import load_onnx, load_stored
from terrazzo.recipe.sections import ModelSection
from tests.worlds.models import build, header

CLASSIC = ModelSection(filters=(4, 8), batch_norm=True, dropout=0.1)
SIZE = (2, 3, 70, 105)  # neither square nor multiples of 32


def write(path: Path, head: Header) -> Path:
    """A network of random weights whose statistics of batch normalization are not 0 and 1."""
    network = build(head.model, head.bands)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if "running" in name:
                tensor.add_(torch.rand(tensor.shape))
    bundle.save(path, head, network.state_dict())
    return path


def differing(path: Path, pixels: NDArray[np.generic]) -> float:
    """The largest difference of a probability between torch and the stored graph."""
    by_torch = bundle.load(path, "cpu", "32").classify(pixels)
    return float(np.abs(by_torch - load_stored(path).classify(pixels)).max())


def entries(path: Path) -> dict[str, str]:
    with safe_open(path, framework="np") as file:
        return dict(file.metadata())


KINDS = {
    "classic": header(CLASSIC),
    "calibrated": replace(header(CLASSIC), calibration=Calibration(2.5)),
    "minmax": header(CLASSIC.model_copy(update={"scale": "minmax"})),
    "deep": replace(
        header(CLASSIC),
        normalization=Normalization(
            "bands", (900.0,) * 3, (300.0,) * 3, dtype="uint16", low=(0.0,) * 3, high=(4000.0,) * 3, clips=(True,) * 3
        ),
    ),
    "encoder": header(ModelSection(arch="unet", encoder="resnet18", encoder_weights="none")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_computes_what_torch_computes(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", KINDS[kind])
    deep = KINDS[kind].normalization.deep
    pixels: NDArray[np.generic] = np.random.default_rng(3).integers(0, 5000 if deep else 256, SIZE).astype(np.uint8)
    if deep:
        pixels = np.random.default_rng(3).uniform(0, 5000, SIZE).astype(np.float32)
        pixels[:, :, 10:20, 5:9] = np.nan
    assert differing(path, pixels) < 1e-4


def test_the_graph_names_weights_of_the_file_and_holds_none(tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", header(CLASSIC))
    graph = read_graph(path)
    assert graph is not None
    tensors = load_file(path)
    named = set(graph.onnx.weights_elsewhere)
    assert named <= tensors.keys()
    assert {"body.down.0.0.weight", "body.head.bias"} <= named
    weights = sum(tensor.numel() for tensor in tensors.values()) * 4
    assert graph.n_bytes == len(entries(path)[GRAPH_KEY]) < weights + 4000
    ours = read_weights(path, graph)
    assert all(np.array_equal(ours[name], tensors[name].numpy()) for name in named)


def test_other_weights_in_the_file_are_what_it_computes_with(tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", header(CLASSIC))
    tensors = load_file(path)
    tensors["body.head.bias"] += torch.tensor([3.0, 0, 0])
    changed = tmp_path / "changed.safetensors"
    save_file(tensors, changed, entries(path))
    pixels = np.random.default_rng(0).integers(0, 256, SIZE).astype(np.uint8)
    assert np.abs(load_stored(changed).classify(pixels) - load_stored(path).classify(pixels)).max() > 0.1
    assert differing(changed, pixels) < 1e-4


def test_a_version_that_does_not_know_the_graph_finds_what_it_found_before(tmp_path: Path) -> None:
    """It reads the entry `terrazzo`, and takes every tensor whose name has no prefix of its own for a weight."""
    path = write(tmp_path / "model.safetensors", header(CLASSIC))
    assert entries(path).keys() == {METADATA_KEY, "format", GRAPH_KEY}
    assert load_file(path).keys() == build(CLASSIC).state_dict().keys()


def test_inspect_states_its_size(tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", header(CLASSIC))
    size = len(entries(path)[GRAPH_KEY])
    found = terrazzo.inspect(path)
    assert f"graph: {size / 1000:.1f} KB, by which onnxruntime maps without torch" in found.lines()
    assert found.to_dict()["graph"] == {"bytes": size, "side": None}


def without_graph(path: Path, out: Path, **changed: str) -> Path:
    kept = {key: text for key, text in entries(path).items() if key != GRAPH_KEY}
    save_file(load_file(path), out, kept | changed)
    return out


def test_an_earlier_file_holds_none(tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", header(CLASSIC))
    earlier = without_graph(path, tmp_path / "earlier.safetensors")
    assert "graph: none, so only torch runs this file" in terrazzo.inspect(earlier).lines()
    assert terrazzo.inspect(earlier).to_dict()["graph"] is None
    with pytest.raises(
        ModelFileError, match=r'earlier\.safetensors: holds no graph.*`pip install "terrazzo\[train\]"`'
    ):
        load_stored(earlier)


@pytest.mark.parametrize("text", ["no base64!", "AAAA", packed(b"no graph"), packed(zlib.compress(b""))])
def test_a_damaged_graph_is_named(text: str, tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", header(CLASSIC))
    damaged = without_graph(path, tmp_path / "damaged.safetensors", **{GRAPH_KEY: text})
    with pytest.raises(ModelFileError, match=r"damaged\.safetensors: its graph is damaged; copy or train"):
        read_graph(damaged)


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", header(CLASSIC))
    tensors = load_file(path)
    for name, change in (("absent", {}), ("shorter", {"body.head.bias": torch.zeros(2)})):
        kept = {key: tensor for key, tensor in tensors.items() if key != "body.head.bias"}
        save_file(kept | change, tmp_path / f"{name}.safetensors", entries(path))
        with pytest.raises(ModelFileError, match=rf"{name}\.safetensors: .*(train it again|train the model again)"):
            load_stored(tmp_path / f"{name}.safetensors")


def test_a_network_of_one_size_has_a_graph_of_its_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As networks with pooling to fixed sizes have: here the free graph computes something else."""
    wrong = iter([1.0, 0.0])  # of the free graph, then of the fixed one
    monkeypatch.setattr(graph_making, "greatest_difference", lambda *given: next(wrong))
    path = write(tmp_path / "model.safetensors", replace(header(CLASSIC), fit="resize", patch_size=100))
    graph = read_graph(path)
    assert graph is not None
    assert graph.onnx.declared_side == 128  # 100 px, as a multiple of 32
    assert "in windows of 128 px" in terrazzo.inspect(path).lines()[-1]
    model = load_stored(path)
    assert model.window == 128
    with pytest.raises(InputError, match="takes at most 128 px"):
        model.classify(np.zeros((1, 3, 160, 64), np.uint8))
    assert model.classify(np.zeros((1, 3, 100, 100), np.uint8)).shape == (1, 3, 100, 100)
    with pytest.raises(InputError, match=r"--tta-scales 2: .* is a graph for windows of one size"):
        opening.check_sizes(path, 2, "onnxruntime")


def test_a_network_that_cannot_be_written_as_a_graph_is_saved_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_making, "greatest_difference", lambda *given: float("nan"))
    path = write(tmp_path / "model.safetensors", header(CLASSIC))
    assert read_graph(path) is None
    assert bundle.load(path, "cpu", "32").header == header(CLASSIC)


def test_saving_draws_no_random_numbers(tmp_path: Path) -> None:
    state = build(CLASSIC).state_dict()
    before = torch.random.get_rng_state()
    bundle.save(tmp_path / "model.safetensors", header(CLASSIC), state)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_exported_file_is_read_without_the_package_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "model.safetensors", header(CLASSIC))
    terrazzo.export(path, format="onnx", out=tmp_path / "model.onnx", resolution=10)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    model = load_onnx(tmp_path / "model.onnx")
    assert model.header.schema == header(CLASSIC).schema
    assert model.window is None, "declared as 512 px for QGIS, and free"
    assert json.loads(model.header.to_json())["gsd_m"] == 0.1
    assert onnx_model.OnnxFile.read(tmp_path / "model.onnx").declared_side == 512
