"""Samplers: their weights worked by hand, how often a patch is drawn, and that epochs repeat themselves."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

import terrazzo
from terrazzo.errors import RecipeError
from terrazzo.model.bundle import load
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.recipe.recipe import Recipe
from terrazzo.system.files import digest
from terrazzo.system.reporting import Reporter
from terrazzo.training.batches import BatchOrder
from terrazzo.training.run import run_key
from terrazzo.training.sampling import balanced, class_pixels, drawn, sampling_weights
from tests.worlds.striped import SMALL, striped_patches


@pytest.fixture(scope="module")
def patches_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return striped_patches(tmp_path_factory.mktemp("sampling"), 6)


def with_masks(patches: Patches, masks: np.ndarray) -> Patches:
    """Patches whose first rows train on these masks (N, S, S), each of an image of its own."""
    made = dataclasses.replace(
        patches,
        image_of=np.arange(len(masks)) // 2,
        corners=np.zeros((len(masks), 2), np.int64),
        sides=np.array(["train"] * len(masks), dtype="<U5"),
    )
    made.__dict__["masks"] = masks
    return made


def test_weights_of_classes_worked_by_hand(patches_path: Path) -> None:
    # Four patches of 2 x 2 px: 12 px of roof, 3 of road, 1 of lake; together 16 px of three classes.
    masks = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 2]], np.uint8).reshape(4, 2, 2)
    patches, said = with_masks(open_patches(patches_path), masks), []
    assert class_pixels(patches).tolist() == [[4, 0, 0], [4, 0, 0], [4, 0, 0], [0, 3, 1]]
    # 16 / (3 * 12), 16 / (3 * 3), 16 / (3 * 1)
    assert balanced(np.array([12, 3, 1])).tolist() == pytest.approx([4 / 9, 16 / 9, 16 / 3])
    weights = sampling_weights(patches, "classes", Reporter(say=said.append))
    # 4 * 4 / 9 a patch of roof; 3 * 16 / 9 + 16 / 3 the last; divided by their mean, 4.
    assert weights is not None
    assert weights.tolist() == pytest.approx([4 / 9, 4 / 9, 4 / 9, 8 / 3])
    assert said == [
        "sampler classes: weights a pixel: roof 0.444, road 1.78, lake 5.33; "
        "a patch is drawn 0.444 to 2.67 times an epoch"
    ]


def test_ignored_pixels_and_absent_classes_weigh_nothing(patches_path: Path) -> None:
    masks = np.array([[0, 0, 255, 255], [2, 255, 255, 255], [255] * 4], np.uint8).reshape(3, 2, 2)
    weights = sampling_weights(with_masks(open_patches(patches_path), masks), "classes", Reporter())
    # Two classes of 3 px: roof 3 / (2 * 2) a pixel, lake 3 / 2. Patches: 1.5, 1.5, 0; mean 1.
    assert weights is not None
    assert weights.tolist() == pytest.approx([1.5, 1.5, 0])


def test_without_a_labelled_pixel_there_is_nothing_to_weigh(patches_path: Path) -> None:
    masks = np.full((3, 2, 2), 255, np.uint8)
    with pytest.raises(RecipeError, match=r"train.sampler = classes: no training patch .* has a labelled pixel"):
        sampling_weights(with_masks(open_patches(patches_path), masks), "classes", Reporter())


def test_weights_of_groups_worked_by_hand(patches_path: Path) -> None:
    patches, said = open_patches(patches_path), []
    made = dataclasses.replace(
        patches, image_of=np.array([0, 0, 0, 1, 2]), sides=np.array(["train", "train", "train", "train", "val"])
    )
    made.__dict__["image_groups"] = ("east", "west", "north", "x", "x", "x")
    weights = sampling_weights(made, "groups", Reporter(say=said.append))
    # Four patches, two groups: east of three patches weighs 4 / (2 * 3), west of one 4 / (2 * 1).
    assert weights is not None
    assert weights.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert said[0].startswith("sampler groups: weights a patch: east 0.667, west 2; a patch is drawn 0.667 to 2 times")


def of_sources(patches: Patches, images: list[int], names: tuple[str, ...]) -> Patches:
    """Patches of these images, all for training but the last; image i is of source i."""
    sides = np.array(["train"] * (len(images) - 1) + ["val"])
    made = dataclasses.replace(patches, image_of=np.array(images), sides=sides)
    made.__dict__.update(source_names=names, image_sources=np.arange(6))
    return made


def test_weights_of_sources_worked_by_hand(patches_path: Path) -> None:
    said: list[str] = []
    made = of_sources(open_patches(patches_path), [0, 0, 0, 1, 2], ("dubai", "town", "sea"))
    weights = sampling_weights(made, "sources", Reporter(say=said.append))
    # Four patches of two sources with any to train on: 4 / (2 * 3) and 4 / (2 * 1).
    assert weights is not None
    assert weights.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert said[0].startswith(
        "sampler sources: weights a patch: dubai 0.667, town 2; a patch is drawn 0.667 to 2 times"
    )


def test_one_source_is_refused(patches_path: Path, tmp_path: Path) -> None:
    words = "train.sampler = sources: all training patches of .* are of one source; prepare several with --taxonomy"
    patches = open_patches(patches_path)
    for made in (patches, of_sources(patches, [0, 0, 1], ("dubai", "town"))):
        with pytest.raises(RecipeError, match=words):
            sampling_weights(made, "sources", Reporter())
    with pytest.raises(RecipeError, match=words):
        terrazzo.train(patches_path, out=tmp_path / "run", changes=SMALL | {"train.sampler": "sources"})
    assert not (tmp_path / "run").exists()


def test_a_patch_is_drawn_its_weight_rounded_up_or_down_and_its_weight_on_average() -> None:
    weights = np.array([0.25, 2.5, 0.0, 1.0, 1.25])
    total: Counter[int] = Counter()
    for seed in range(400):
        counts = Counter(drawn(weights, np.random.default_rng(seed)).tolist())
        assert sum(counts.values()) == 5
        for number, weight in enumerate(weights):
            assert np.floor(weight) <= counts[number] <= np.ceil(weight)
        total += counts
    assert [total[number] / 400 for number in range(5)] == pytest.approx(weights.tolist(), abs=0.08)


def test_whole_weights_are_exact_for_any_seed() -> None:
    weights = np.array([3.0, 0, 1, 0, 2, 0])
    for seed in range(50):
        assert Counter(drawn(weights, np.random.default_rng(seed)).tolist()) == {0: 3, 2: 1, 4: 2}


def test_an_order_by_weights_is_one_of_seed_and_epoch_and_as_long_as_without() -> None:
    rows, weights = np.array([5, 8, 9, 20]), np.array([2.0, 1.0, 1.0, 0.0])
    order = BatchOrder(rows, 2, seed=3, weights=weights)
    first = [row for batch in order for row in batch]
    assert sorted(first) == [5, 5, 8, 9]
    assert [row for batch in order for row in batch] == first
    orders = set()
    for epoch in range(6):
        order.set_epoch(epoch)
        orders.add(tuple(row for batch in order for row in batch))
    assert len(orders) > 1


def test_uniform_is_the_order_of_before() -> None:
    rows = np.arange(10, 40)
    order = BatchOrder(rows, 7, seed=1)
    order.set_epoch(4)
    assert [row for batch in order for row in batch] == np.random.default_rng((1, 4)).permutation(rows).tolist()


@pytest.mark.parametrize("sampler", ["classes", "groups"])
def test_a_resumed_run_draws_as_one_that_never_stopped(patches_path: Path, tmp_path: Path, sampler: str) -> None:
    changes, said = SMALL | {"train.precision": "32", "train.sampler": sampler}, []
    place = {"recipe": "unet", "changes": changes, "device": "cpu"}
    whole = terrazzo.train(patches_path, out=tmp_path / "whole", epochs=2, say=said.append, **place)
    terrazzo.train(patches_path, out=tmp_path / "parts", epochs=1, **place)
    parts = terrazzo.train(patches_path, out=tmp_path / "parts", epochs=2, resume=True, **place)
    one, two = (load(run.model, device="cpu").network.state_dict() for run in (whole, parts))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(line.startswith(f"sampler {sampler}: weights") for line in said)


def test_a_run_of_the_version_before_a_field_is_still_known_as_finished(patches_path: Path) -> None:
    patches, recipe = open_patches(patches_path), Recipe()
    plain = recipe.model_dump_json(exclude={"name", "about", "data", "published"})
    of_train = (
        '"steps":0,',
        '"sampler":"uniform",',
        '"freeze_statistics":false,',
        '"distill":0.0,',
        '"distill_kept":0.0,',
    )
    of_model = '"decoder_conv":"full","logits_stride":1,"input_stride":1,'
    for field in (of_model, *of_train, ',"scale":null,"crop":0,"robust":0.0,"mix_classes":0.0'):
        assert field in plain
        plain = plain.replace(field, "")
    assert run_key(patches, recipe) == digest(patches.content_hash, plain)
    for change in (
        {"train.sampler": "groups"},
        {"augment.crop": 32},
        {"augment.robust": 0.5},
        {"train.steps": 5},
    ):
        assert run_key(patches, recipe) != run_key(patches, recipe.with_changes(change))
    with_encoder = recipe.with_changes({"model.encoder": "resnet18"})
    halved = with_encoder.with_changes({"model.input_stride": 2})
    assert run_key(patches, with_encoder) != run_key(patches, halved)
