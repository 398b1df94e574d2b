"""The values of `--device` and `--precision`, checked without torch, which takes seconds to import."""

import re

from terrazzo.errors import InputError

DEVICES = "auto, cpu, cuda, cuda:N or mps"
PRECISIONS = ("auto", "32", "bf16")


def check_compute(device: str = "auto", precision: str = "auto") -> None:
    """Raise InputError if a value names no device or precision. Whether the device exists is checked by torch later."""
    if precision not in PRECISIONS:
        raise InputError(f"--precision {precision}: expected {', '.join(PRECISIONS)}")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise InputError(f"--device {device}: expected {DEVICES}")
