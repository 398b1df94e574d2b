"""The values of `--device`, `--precision` and `--runtime`, checked without torch, which takes seconds to import."""

import re

from terrazzo.errors import InputError

AUTO, TORCH, ONNXRUNTIME, OPENVINO = "auto", "torch", "onnxruntime", "openvino"
DEVICES = "auto, cpu, cuda, cuda:N or mps"
PRECISIONS = (AUTO, "32", "bf16")
RUNTIMES = (AUTO, TORCH, ONNXRUNTIME, OPENVINO)


def check_compute(device: str = AUTO, precision: str = AUTO, runtime: str = AUTO) -> None:
    """Raise InputError if a value names no device, precision or runtime. Whether it exists is checked when it opens."""
    if precision not in PRECISIONS:
        raise InputError(f"--precision {precision}: expected {', '.join(PRECISIONS)}")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise InputError(f"--device {device}: expected {DEVICES}")
    if runtime not in RUNTIMES:
        raise InputError(f"--runtime {runtime}: expected {', '.join(RUNTIMES)}")


def precision_words(precision: str) -> str:
    """`float32` for 32; other precisions as they are."""
    return "float32" if precision == "32" else precision
