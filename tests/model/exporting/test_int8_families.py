"""Every architecture that a recipe can name is exported in int8, or refused in one line."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import terrazzo
from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import ExportError
from terrazzo.model import bundle
from terrazzo.model.header import read_header
from terrazzo.model.opening import open_model
from terrazzo.recipe.encoders import ARCHITECTURES
from terrazzo.recipe.sections import ModelSection
from tests.worlds.models import COLORS, build, header
from tests.worlds.rasters import noise
from tests.worlds.striped import striped_patches

onnx = pytest.importorskip("onnx")

SMALLEST = {
    "unet": "mobilenet_v2",
    "unetplusplus": "mobilenet_v2",
    "manet": "mobilenet_v2",
    "linknet": "mobilenet_v2",
    "fpn": "mobilenet_v2",
    "pspnet": "mobilenet_v2",
    "deeplabv3": "mobilenet_v2",
    "deeplabv3plus": "mobilenet_v2",
    "pan": "mobilenet_v2",
    "upernet": "mobilenet_v2",
    "segformer": "mit_b0",
    "dpt": "tu-vit_tiny_patch16_224",
}
"""A small encoder for each."""
ALWAYS = ("unet", "deeplabv3plus", "segformer", "pspnet")
"""Those that are tried each time; each takes some 15 seconds."""
UNTRACED = ("pspnet", "upernet", "dpt")
"""Architectures that torch cannot write as a graph."""


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve training and six validation patches of three classes in stripes."""
    return striped_patches(tmp_path_factory.mktemp("int8"), 3)


def test_every_architecture_is_here() -> None:
    assert set(SMALLEST) == set(ARCHITECTURES)


@pytest.mark.parametrize(
    "arch", [pytest.param(arch, marks=[] if arch in ALWAYS else pytest.mark.soak) for arch in SMALLEST]
)
def test_a_network_of_the_family_is_exported_in_int8_or_refused_in_one_line(
    tmp_path: Path, patches: Path, arch: str
) -> None:
    """With random weights every class is a guess, so any loss is allowed; the figures are of the file all the same."""
    section = ModelSection(arch=arch, encoder=SMALLEST[arch], encoder_weights="none")
    model, out = tmp_path / "model.safetensors", tmp_path / "int8.onnx"
    schema = ClassSchema(("roof", "road", "lake"), COLORS)
    bundle.save(model, replace(header(section), schema=schema), build(section).state_dict())

    def export() -> None:
        terrazzo.export(model, format="onnx", out=out, int8=True, calibrate=patches, worst=100, resolution=10)

    if arch in UNTRACED:
        with pytest.raises(ExportError) as caught:
            export()
        assert re.fullmatch(
            r"--format onnx: torch cannot trace this network \(.*\); map with .* torch runs", str(caught.value)
        )
        assert not out.exists()
        return
    export()
    cost = read_header(out).int8
    assert cost is not None
    assert cost.n_patches == 6
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(out).graph.node}
    pixels = noise(3, 128, 128)[None] // 2  # `pan` takes no smaller ones
    found = open_model(out, "cpu", "auto").classify(pixels)
    expected = open_model(model, "cpu", "32").classify(pixels)
    assert found.shape == expected.shape == (1, 3, 128, 128)
    assert abs(found - expected).mean() < 0.1
