"""What training does with deep values before the network sees them."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import terrazzo
from terrazzo.model.network import build_model
from terrazzo.model.normalization import Normalization
from terrazzo.recipe.recipe import Recipe
from terrazzo.training.batches import PatchDataset
from terrazzo.training.starting.teacher import Teacher
from terrazzo.training.step import TrainingStep
from tests.worlds.deep import sentinel_scene

CHANGES = {"augment.brightness": 0.3, "augment.contrast": 0.3, "augment.zoom": 0.2, "augment.rotate_deg": 20}


def step_of(normalization: Normalization) -> TrainingStep:
    recipe = Recipe().with_changes(CHANGES)
    network = build_model(recipe.model, 3, 3, normalization)
    return TrainingStep(network, recipe, 3, torch.contiguous_format)


def deep(low: float, high: float) -> Normalization:
    return Normalization(
        "bands", (low,) * 3, (1.0,) * 3, dtype="float32", low=(low,) * 3, high=(high,) * 3, clips=(False,) * 3
    )


@pytest.mark.parametrize(("low", "high"), [(0.0, 255.0), (-5.0, 45.0), (100.0, 10_100.0)])
def test_deep_values_are_augmented_as_grey_levels_between_low_and_high(low: float, high: float) -> None:
    """What 8-bit pixels become, deep ones of the same grey levels become in their own units."""
    pixels = torch.randint(0, 256, (4, 3, 48, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    ids = torch.randint(0, 3, (4, 48, 64), dtype=torch.uint8)
    expected, expected_ids = step_of(Normalization("unit", (0.0,) * 3, (1.0,) * 3))._changed(pixels, ids, 32, 7)
    stored = low + pixels.float() * ((high - low) / 255)
    found, found_ids = step_of(deep(low, high))._changed(stored, ids, 32, 7)
    torch.testing.assert_close((found - low) * (255 / (high - low)), expected, atol=0.01, rtol=0)
    assert torch.equal(found_ids, expected_ids)


def test_a_missing_value_is_the_mean_before_its_neighbours_are_mixed_with_it() -> None:
    pixels = torch.full((1, 3, 32, 32), 20.0)
    pixels[0, 1, 5, 5] = float("nan")
    step = step_of(deep(0.0, 40.0))
    found, _ = step._changed(pixels, torch.zeros((1, 32, 32), dtype=torch.uint8), 16, 0)
    assert torch.isfinite(found).all()


def test_batches_of_deep_patches_are_floats_with_nan(tmp_path: Path) -> None:
    scene = sentinel_scene(tmp_path, 64, 96)
    patches = terrazzo.prepare(
        scene.raster, scene.labels, out=tmp_path / "out", patch_size=32, split="patch", fit="pad"
    ).patches
    images, ids = PatchDataset(patches)[[0, 2]]
    assert (images.dtype, images.shape, ids.dtype) == (torch.float32, (2, 6, 32, 32), torch.uint8)
    assert images.permute(0, 2, 3, 1).is_contiguous()  # as channels-last networks take them
    row, col = patches.corners[0]
    stored = scene.pixels[:, row : row + 32, col : col + 32].astype(np.float32)
    stored[:, (stored == 0).all(axis=0)] = np.nan
    np.testing.assert_array_equal(images[0].numpy(), stored)


def test_kept_patches_and_the_others_weigh_half_each_however_sparse_the_labels() -> None:
    """Two patches of 4 labelled pixels together, two kept ones of all 2048: the mean of both losses."""
    recipe = Recipe().with_changes({"loss.terms": "ce"})
    network = build_model(recipe.model, 3, 3, Normalization("unit", (0.0,) * 3, (1.0,) * 3))
    step = TrainingStep(network, recipe, 3, torch.contiguous_format)
    step.n_kept = 2
    logits = torch.zeros(4, 3, 32, 32)
    logits[:2, 0], logits[2:, 1] = 2.0, 1.0
    ids = torch.full((4, 32, 32), 255, dtype=torch.uint8)
    ids[:2, 0, :2] = 1
    ids[2:] = 1
    sure = float(np.log(np.e**2 + 2))  # the loss of a class of logit 0 beside 2 and 0
    kept = float(np.log(np.e + 2)) - 1  # that of a class of logit 1 beside 0 and 0
    assert float(step._loss(logits, ids)) == pytest.approx((sure + kept) / 2)
    step.teacher = Teacher(network, 0.0, kept_weight=1.0)
    assert float(step._loss(logits, ids)) == pytest.approx(sure), "the teacher has the kept ones"
    step.n_kept = 0
    assert float(step._loss(logits, ids)) == pytest.approx((4 * sure + 2048 * kept) / 2052)


class OnDevice(TorchDispatchMode):
    """Fails where a meta tensor, which stands for one on a GPU, is asked for its values or copied to the host."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        if first is not None and first.is_meta:
            name = str(func)
            assert not any(word in name for word in ("_local_scalar_dense", "nonzero", "aten.item")), name
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("terms", ["ce", "dice + jaccard + ce", "focal + lovasz"])
@pytest.mark.parametrize("size", [32, 24])
def test_a_step_never_waits_for_the_device(terms: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meta tensors hold no values, so that every operation that needs one on the host fails."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which knows no such device
    everything = {
        "hflip": True, "vflip": True, "quarter_turns": True, "rotate_deg": 20.0, "zoom": 0.2, "shift_x": 0.1,
        "brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "mix_classes": 0.5, "probability": 0.5,
    }  # fmt: skip
    recipe = Recipe().with_changes({"loss.terms": terms} | {f"augment.{name}": on for name, on in everything.items()})
    network = build_model(recipe.model, 3, 3, Normalization("unit", (0.0,) * 3, (1.0,) * 3)).to("meta").train()
    step = TrainingStep(network, recipe, 3, torch.contiguous_format)
    step.loss.to("meta")
    pixels = torch.empty((20, 3, 32, 32), dtype=torch.uint8, device="meta")
    ids = torch.empty((20, 32, 32), dtype=torch.uint8, device="meta")
    with OnDevice():
        step((pixels, ids), size, 0, 0).backward()
    assert all(weight.grad is not None for weight in network.parameters())
