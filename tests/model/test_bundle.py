"""The model file as a whole."""

from dataclasses import replace
from pathlib import Path

import torch

from terrazzo.classes.schema import ClassSchema
from terrazzo.model import bundle
from terrazzo.model.header import read_header
from tests.worlds.models import COLORS, write_model


def test_equal_headers_and_weights_give_equal_bytes(tmp_path: Path) -> None:
    """The library's order of the text entries is random: two of eight files were alike half the time."""
    model = bundle.load(write_model(tmp_path / "model.safetensors"), "cpu", "32")
    names = ('Straße "Nord"', "水", "tab\tand \\ line\n end")
    header = replace(model.header, schema=ClassSchema(names, COLORS))
    files = set()
    for number in range(8):
        path = tmp_path / f"{number}.safetensors"
        bundle.save(path, header, model.network.state_dict())
        files.add(path.read_bytes())
    assert len(files) == 1
    found = bundle.load(tmp_path / "0.safetensors", "cpu", "32")
    assert found.header == read_header(tmp_path / "0.safetensors") == header
    for name, weight in model.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], weight)
