"""Improvements of few steps by real worker processes, which no monkeypatch reaches."""

import os
from pathlib import Path

_SITECUSTOMIZE = """
import sys

if "terrazzo.serving.jobs.worker" in sys.orig_argv:
    from functools import partial

    from terrazzo.serving.jobs.tasks import improving

    improving.train = partial(improving.train, changes={"train.steps": STEPS})
"""


def short_training(folder: Path, steps: int) -> str:
    """A PYTHONPATH with which workers train for so many steps; multiples of ten have ten epochs."""
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE.replace("STEPS", str(steps)))
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
