"""The classes of a model and of patches by name: ids, colours, and the masks as they are read."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from terrazzo.classes.schema import IGNORE, ClassSchema
from terrazzo.patches.class_matching import lines, match, relabelled
from terrazzo.patches.folder import Patches, open_patches
from tests.worlds.none_held_out import BLUE, GREEN, RED, corrected

MODEL = ClassSchema(("roof", "road", "lake"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)), ((9, 9, 9),))


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Patches:
    """Patches of lake (blue stripes), ROOF (red) and pool (green), in this order."""
    folder = tmp_path_factory.mktemp("pool")
    return open_patches(corrected(folder, {"lake": BLUE, "ROOF": RED, "pool": GREEN}))


def with_pixels(patches: Patches, *pixels: int) -> Patches:
    """The patches with other counts in dataset.json."""
    classes = [{**entry, "pixels": count} for entry, count in zip(patches.description["classes"], pixels, strict=True)]
    return replace(patches, description={**patches.description, "classes": classes})


def test_the_models_classes_keep_their_ids_and_new_ones_follow(pool: Patches) -> None:
    found = match(MODEL, pool)
    assert found.schema.names == ("roof", "road", "lake", "pool")
    assert found.schema.colors[:3] == MODEL.colors
    assert found.ids == (2, 0, 3)
    assert (found.missing, found.new, found.left_out) == (("road",), ("pool",), ())


def test_a_new_class_has_a_colour_of_its_own_far_from_the_others(pool: Patches) -> None:
    colors = np.array(match(MODEL, pool).schema.colors, float)
    apart = np.linalg.norm(colors[:3] - colors[3], axis=1)
    assert apart.min() > 150, "the stripe's green is that of the model's road"
    free = ClassSchema(("roof", "lake"), ((255, 0, 0), (0, 0, 255)))
    assert match(free, pool).schema.colors[-1] == (0, 255, 0)


def test_masks_are_translated_as_they_are_read(pool: Patches) -> None:
    found = relabelled(pool, match(MODEL, pool))
    before = np.asarray(pool.masks)
    expected = np.array([2, 0, 3], np.uint8)[before]
    np.testing.assert_array_equal(found.masks[:], expected)
    np.testing.assert_array_equal(found.masks[[3, 1]], expected[[3, 1]])
    np.testing.assert_array_equal(found.pixels([4]), pool.pixels([4]))
    assert found.schema.n_classes == 4
    assert len(found) == len(pool)


def test_ignored_pixels_stay_ignored(pool: Patches, tmp_path: Path) -> None:
    masks = np.array(pool.masks)
    masks[:, :5] = IGNORE
    for name in ("images.npy", "index.csv", "dataset.json"):
        (tmp_path / name).write_bytes((pool.path / name).read_bytes())
    np.save(tmp_path / "masks.npy", masks)
    sparse = open_patches(tmp_path)
    found = relabelled(sparse, match(MODEL, sparse)).masks[:]
    assert (found[:, :5] == IGNORE).all()
    assert (found[:, 5:] != IGNORE).all()


def test_the_same_table_is_read_as_it_is(tmp_path: Path) -> None:
    patches = open_patches(corrected(tmp_path))
    found = match(MODEL, patches)
    assert (found.ids, found.schema, found.renumbered) == ((0, 1, 2), MODEL, 0)
    assert isinstance(relabelled(patches, found).masks, np.memmap)
    assert lines(found, "it") == []


def test_a_class_without_a_pixel_is_not_added_and_is_named(pool: Patches) -> None:
    found = match(MODEL, with_pixels(pool, 5, 0, 0))
    assert found.schema == MODEL
    assert found.ids == (2, 0, IGNORE)
    assert (found.missing, found.left_out) == (("roof", "road"), ("pool",))


def test_kept_patches_bring_no_class(pool: Patches) -> None:
    found = match(MODEL, pool, grows=False)
    assert (found.schema, found.ids, found.left_out) == (MODEL, (2, 0, IGNORE), ("pool",))
    masks = relabelled(pool, found).masks[:]
    assert ((masks == IGNORE) == (np.asarray(pool.masks) == 2)).all()


def test_what_was_matched_is_said(pool: Patches) -> None:
    assert lines(match(MODEL, pool), "it") == [
        "it: classes are matched by name; 3 have another id than in the model",
        "it: no pixel of road; the model keeps them under their ids",
        "it: pool is new: id 3; its part of the network starts from small random weights",
    ]
    assert lines(match(MODEL, with_pixels(pool, 5, 1, 0)), "it")[-1] == (
        "it: pool: no class of the model and without a labelled pixel, so left out"
    )


def test_the_names_are_those_of_dataset_json(pool: Patches) -> None:
    stored = json.loads((pool.path / "dataset.json").read_text())
    assert [entry["name"] for entry in stored["classes"]] == ["lake", "ROOF", "pool"]
