"""The values of `--device`, `--precision` and `--runtime`, checked without torch, which takes seconds to import."""

import re

from terrazzo.errors import InputError

AUTO, TORCH, ONNXRUNTIME, OPENVINO = "auto", "torch", "onnxruntime", "openvino"
DEVICES = "auto, cpu, cuda, cuda:N or mps"
INT8 = "int8"
PRECISIONS = (AUTO, "32", "bf16")
RUNTIMES = (AUTO, TORCH, ONNXRUNTIME, OPENVINO)


def check_compute(device: str = AUTO, precision: str = AUTO) -> None:
    """Raise InputError if a value names no device or precision. Whether it exists is checked when it opens."""
    _check(device, precision, PRECISIONS)


def check_run(device: str, precision: str, runtime: str) -> None:
    """`check_compute` for what runs exported graphs too: there are several runtimes, and graphs in int8."""
    _check(device, precision, (*PRECISIONS, INT8))
    if runtime not in RUNTIMES:
        raise InputError(f"--runtime {runtime}: expected {', '.join(RUNTIMES)}")


def _check(device: str, precision: str, precisions: tuple[str, ...]) -> None:
    if precision not in precisions:
        raise InputError(f"--precision {precision}: expected {', '.join(precisions)}")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise InputError(f"--device {device}: expected {DEVICES}")


def check_several(device: str, devices: int) -> None:
    """Raise InputError where several `devices` are asked for and `device` is a single one."""
    if devices > 1 and (device == "mps" or ":" in device):
        raise InputError(f"--device {device}: is one device, --devices {devices} asks for more; leave one of them out")


def precision_words(precision: str) -> str:
    """`float32` for 32; other precisions as they are."""
    return "float32" if precision == "32" else precision
