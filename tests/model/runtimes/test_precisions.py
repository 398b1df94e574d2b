"""Each runtime is given its precision: what `auto` means for weights and for graphs."""

from pathlib import Path

import pytest

from terrazzo.model.runtimes import by_openvino
from terrazzo.model.runtimes.by_openvino import precision_of
from terrazzo.model.runtimes.openvino_graph import HINTS
from terrazzo.model.runtimes.runtime import Asked


@pytest.mark.parametrize(
    ("name", "precision", "bf16", "computed"),
    [
        ("model.xml", "auto", True, "32"),
        ("model.onnx", "auto", True, "32"),
        ("model.xml", "bf16", True, "bf16"),
        ("model.xml", "32", True, "32"),
        ("model.safetensors", "auto", True, "bf16"),
        ("model.safetensors", "auto", False, "32"),
        ("model.safetensors", "32", True, "32"),
    ],
)
def test_openvinos_precision(
    monkeypatch: pytest.MonkeyPatch, name: str, precision: str, bf16: bool, computed: str
) -> None:
    """Law: an exported graph computes in float32 unless another precision is asked for, on every CPU."""
    monkeypatch.setattr(by_openvino, "has_bf16", lambda: bf16)
    assert precision_of(Path(name), Asked(precision=precision)) == computed


def test_every_precision_is_stated_to_openvino() -> None:
    assert HINTS == {"32": "f32", "bf16": "bf16", "int8": "f32"}
