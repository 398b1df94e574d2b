"""Every runtime in float32 computes the same map."""

import numpy as np
import pytest

from terrazzo.diagnosis.speed import PROBE
from terrazzo.model.header import read_header
from terrazzo.model.runtimes.choosing import noise_windows
from terrazzo.model.runtimes.registry import RUNTIMES
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.system.devices import ONNXRUNTIME, OPENVINO, TORCH

FLOAT32 = Asked("cpu", "32")
PIXELS = noise_windows(read_header(PROBE), 256, 4)


@pytest.mark.parametrize("name", [ONNXRUNTIME, OPENVINO])
def test_float32_runtimes_agree_and_what_differs_is_nearly_a_tie(name: str) -> None:
    """At least 99.9 % of the pixels; elsewhere two classes are within 1 %."""
    if name == OPENVINO:
        pytest.importorskip("openvino")
    expected = np.asarray(RUNTIMES[TORCH].open(PROBE, FLOAT32).classify(PIXELS))
    found = np.asarray(RUNTIMES[name].open(PROBE, FLOAT32).classify(PIXELS))
    assert found.shape == expected.shape
    assert len(np.unique(expected.argmax(axis=1))) > 1, "one class alone would agree whatever is computed"
    differs = found.argmax(axis=1) != expected.argmax(axis=1)
    assert differs.mean() <= 0.001
    second, first = np.sort(expected, axis=1)[:, -2:].swapaxes(0, 1)
    assert (first - second)[differs].max(initial=0.0) <= 0.01
