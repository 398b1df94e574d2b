"""What `--device` and `--precision` may say: checked before torch, which alone takes seconds to import."""

import re

from terrazzo.errors import InputError

DEVICES = "auto, cpu, cuda, cuda:N or mps"
PRECISIONS = ("auto", "32", "bf16")


def check_compute(device: str = "auto", precision: str = "auto") -> None:
    """Raise InputError where a word names no device or precision. Whether the device is there is torch's to say."""
    if precision not in PRECISIONS:
        raise InputError(f"--precision {precision}: expected {', '.join(PRECISIONS)}")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise InputError(f"--device {device}: expected {DEVICES}")
