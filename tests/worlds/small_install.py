"""The command line as the small install runs it: in a process of its own, in which what trains cannot be imported."""

import subprocess
import sys
from pathlib import Path

TRAINING = ("torch", "torchvision", "lightning", "segmentation_models_pytorch", "timm", "matplotlib", "jinja2")
TRAINING += ("tensorboard", "onnx", "kornia", "pytorch_lightning", "torchmetrics")

CODE = f"""
import sys
for name in {TRAINING!r}:
    sys.modules[name] = None  # importing it fails, and it counts as not installed
from terrazzo.cli import run
sys.exit(run(sys.argv[1:]))
"""


def run_small(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """What `terrazzo WORDS` does there, in a folder."""
    command = [sys.executable, "-c", CODE, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
