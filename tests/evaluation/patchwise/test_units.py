"""What intervals draw: the largest parts of a split that there are enough of."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

import terrazzo
from terrazzo.evaluation.patchwise.units import Units, units_of
from terrazzo.evaluation.request import Inputs, Request
from terrazzo.patches.folder import Patches
from tests.worlds.deep import fields, write_labels
from tests.worlds.rasters import noise, write_raster

if TYPE_CHECKING:
    from terrazzo.model.header import Header


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Patches:
    """Patches of 32 px of one scene of 8 x 10 patches, divided by blocks of 2 x 2."""
    folder = tmp_path_factory.mktemp("scene")
    write_raster(folder / "a.tif", noise(3, 256, 320))
    write_labels(folder / "labels.tif", fields(256, 320))
    return terrazzo.prepare(
        folder / "a.tif", folder / "labels.tif", out=folder / "p", patch_size=32, val=0.3, block_size=2, buffer=0
    ).patches


def units(patches: Patches, split: str = "val", empty: int = 0) -> Units:
    """The units of a split whose first patches have no valid pixel."""
    rows = patches.rows(split)
    inputs = Inputs(Request(Path(), Path(), split), cast("Header", None), patches, rows)
    return units_of(inputs, np.where(np.arange(len(rows)) < empty, 0, 9))


def with_images(patches: Patches, groups: tuple[str, ...], pictures: tuple[int, ...] | None = None) -> Patches:
    """The same patches, all of val, dealt out to images of these groups; some may be versions of others."""
    of = pictures or tuple(range(len(groups)))
    images = [
        {"name": f"i{i}", "group": group, "hash": str(i), "picture": of[i], "height": 32, "width": 32}
        for i, group in enumerate(groups)
    ]
    description = {**patches.description, "images": images, "split_method": "group"}
    image_of, sides = np.arange(len(patches)) % len(groups), np.full(len(patches), "val")
    return replace(patches, image_of=image_of, sides=sides, description=description)


def test_of_one_scene_the_blocks_of_its_split_are_drawn(scene: Patches) -> None:
    found = units(scene)
    assert found.kind == "block"
    rows = scene.rows("val")
    blocks = {tuple(corner) for corner in (scene.corners[rows] // 64).tolist()}
    assert found.words == f"{len(blocks)} blocks"
    assert found.n > 1
    together = [{*map(tuple, (scene.corners[rows[found.of == one]] // 64).tolist())} for one in np.unique(found.of)]
    assert all(len(corners) == 1 for corners in together)
    assert found.note == "too narrow: blocks of one scene resemble each other"


def test_one_scene_divided_in_another_way_is_one_image(scene: Patches) -> None:
    """Its patches are no independent draws, however many there are."""
    found = units(replace(scene, description={**scene.description, "split_method": "patch"}))
    assert (found.kind, found.words) == ("image", "1 image")
    assert found.note == "one alone says nothing of the spread"


def test_five_groups_are_drawn_and_four_are_not(scene: Patches) -> None:
    five = with_images(scene, tuple("aabbccddee"))
    assert units(five).words == "5 groups"
    assert units(with_images(scene, tuple("aabbccdd"))).words == "8 images"
    lone = with_images(scene, ("i0", "i1", "i2", "i3", "i4"))  # each image is its own group
    assert units(lone).words == "5 images"


def test_groups_without_a_valid_pixel_do_not_count(scene: Patches) -> None:
    patches = with_images(scene, tuple("aabbccddee"))
    rows = patches.rows("val")
    first = np.flatnonzero(patches.image_of[rows] > 1)
    inputs = Inputs(Request(Path(), Path(), "val"), cast("Header", None), patches, rows)
    pixels = np.isin(np.arange(len(rows)), first).astype(np.int64)
    found = units_of(inputs, pixels)
    assert (found.kind, found.n) == ("image", 8)


def test_copies_and_versions_of_a_picture_are_one_image(scene: Patches) -> None:
    found = units(with_images(scene, tuple("aabb"), pictures=(0, 0, 2, 2)))
    assert found.words == "2 images"
