"""One timed batch in each runtime, and the network that it is timed with."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from terrazzo.diagnosis import speed
from terrazzo.diagnosis.speed import PROBE, Timed, batch, timed
from terrazzo.model import bundle
from terrazzo.model.exporting.stored_graph import read_graph, write_whole
from terrazzo.model.header import read_header
from tests.worlds import probe


def test_the_built_in_network_is_what_its_builder_writes() -> None:
    header = read_header(PROBE)
    assert replace(header, terrazzo_version="") == replace(probe.HEADER, terrazzo_version="")
    weights = bundle.load(PROBE, "cpu", "32").network.state_dict()
    expected = probe.state()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert read_graph(PROBE) is not None, "so that it runs without torch"
    assert PROBE.stat().st_size < 200_000


def test_a_batch_is_one_window_of_512_px() -> None:
    """Patches of 256 px are mapped in windows of 512, and 512 * 512 pixels are processed together on a CPU."""
    pixels = batch(probe.HEADER)
    assert (pixels.shape, pixels.dtype) == ((1, 3, 512, 512), np.uint8)
    assert len(batch(replace(probe.HEADER, fit="resize", patch_size=128))) == 16


def test_the_rate_is_pixels_by_seconds() -> None:
    assert Timed("torch", "2.4", 0.5, 512 * 512).mpx_per_s == pytest.approx(0.524288)
    assert Timed("openvino", None).to_dict() == {
        "runtime": "openvino",
        "version": None,
        "seconds": None,
        "mpx_per_s": None,
        "trouble": None,
        "refused": None,
    }


def test_every_runtime_runs_the_built_in_network() -> None:
    found = {each.runtime: each for each in timed(PROBE)}
    assert found.keys() == {"torch", "onnxruntime", "openvino"}
    for each in found.values():
        assert each.trouble is None
        if each.version is not None:
            assert each.seconds is not None
            assert math.isfinite(each.seconds)
            assert each.n_pixels == 512 * 512


def test_a_file_that_a_runtime_does_not_take_is_no_trouble(tmp_path: Path) -> None:
    graph = tmp_path / "graph.onnx"
    write_whole(PROBE, graph)
    found = {each.runtime: each for each in timed(graph)}
    assert (found["torch"].seconds, found["torch"].trouble) == (None, None)
    assert "is a graph, which torch does not run" in str(found["torch"].refused)
    assert found["onnxruntime"].seconds is not None


def test_timing_leaves_nothing_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRAZZO_CACHE", str(tmp_path))
    timed(PROBE)
    assert list(tmp_path.iterdir()) == []


def test_a_runtime_that_fails_or_is_absent_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(model: Path) -> None:
        raise ImportError("libfoo.so: cannot open\nmore")

    monkeypatch.setattr(speed, "_RUNTIMES", {"onnxruntime": damaged, "nothing": damaged})
    broken, absent = timed(PROBE)
    assert (broken.seconds, broken.trouble) == (None, "libfoo.so: cannot open")
    assert (absent.version, absent.trouble) == (None, None)
