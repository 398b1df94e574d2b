"""The mean IoU of a predictor is that of `evaluate`."""

from pathlib import Path

import numpy as np
import pytest

import terrazzo
from terrazzo.model.opening import open_model
from terrazzo.model.scoring.mean_iou import mean_iou
from terrazzo.patches.folder import open_patches
from tests.worlds.models import write_model
from tests.worlds.striped import striped_patches


def test_it_is_the_mean_iou_of_evaluate(tmp_path: Path) -> None:
    """A model that always finds the first class: its share of the pixels, over three classes."""
    folder = striped_patches(tmp_path, 3)
    model = write_model(tmp_path / "a.safetensors", names=("roof", "road", "lake"), constant=(0.6, 0.3, 0.1))
    patches = open_patches(folder)
    rows = patches.rows("val")
    done: list[int] = []
    found = mean_iou(
        open_model(model, "cpu", "32").classify, patches, rows, "scoring", lambda what, n, of: done.append(n)
    )
    assert found == pytest.approx(np.mean(patches.masks[rows] == 0) / 3)
    assert found == pytest.approx(terrazzo.evaluate(model, folder).scores["mean_iou"])
    assert done[-1] == len(rows)
