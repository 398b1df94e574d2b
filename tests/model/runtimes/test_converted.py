"""Converted models in the cache: made once, and anew where a kill left a damaged one."""

from pathlib import Path

import numpy as np
import pytest

from terrazzo.diagnosis.speed import PROBE
from terrazzo.model.header import read_header
from terrazzo.model.runtimes.choosing import noise_windows
from terrazzo.model.runtimes.converted import forget_graphs, graph_of, sha256_of
from terrazzo.model.runtimes.registry import RUNTIMES
from terrazzo.model.runtimes.runtime import Asked

FLOAT32 = Asked("cpu", "32")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TERRAZZO_CACHE", str(tmp_path))
    return tmp_path


def test_a_model_is_converted_once_by_its_hash(cache: Path) -> None:
    graph = graph_of(PROBE)
    assert graph == cache / "graphs-1" / f"{sha256_of(PROBE)}.onnx"
    made = graph.stat().st_mtime_ns
    assert graph_of(PROBE) == graph
    assert graph.stat().st_mtime_ns == made
    assert forget_graphs() == 1


@pytest.mark.parametrize("left", [0, 1000, -1], ids=["empty", "cut short", "a byte short"])
def test_a_graph_damaged_by_a_kill_is_made_anew(left: int) -> None:
    pytest.importorskip("openvino")
    graph = graph_of(PROBE)
    whole = graph.read_bytes()
    graph.write_bytes(whole[:left])
    model = RUNTIMES["openvino"].open(PROBE, FLOAT32)
    assert graph.read_bytes() == whole
    pixels = noise_windows(read_header(PROBE), 64, 1)
    assert np.isfinite(model.classify(pixels)).all()


def test_what_a_killed_conversion_left_is_forgotten_too(cache: Path) -> None:
    folder = cache / "graphs-1"
    folder.mkdir()
    (folder / ".abc.123.partial.onnx").write_bytes(b"half")
    forget_graphs()
    assert not folder.exists()
