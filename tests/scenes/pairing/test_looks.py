"""Folders and endings whose names say nothing: told apart by what lies in them, or refused."""

from pathlib import Path

import numpy as np
import pytest

from terrazzo.errors import InputError
from terrazzo.scenes.detect import find_scenes
from terrazzo.scenes.scene import Found
from tests.worlds.handmade import color_mask, photo, write

GREY = (np.indices((4, 6)).sum(0) % 3).astype(np.uint8)


def fill(root: Path, **folders: np.ndarray | None) -> Path:
    """Pictures a, b and c in each folder: photos of 24 colours where it is None."""
    for seed, (folder, mask) in enumerate(folders.items()):
        for number, name in enumerate("abc"):
            write(root / folder / f"{name}.png", photo(4, 6, 10 * seed + number) if mask is None else mask)
    return root


def pairs(found: Found) -> dict[str, str]:
    return {scene.image.name: scene.label.name for scene in found.scenes}


def test_the_folder_of_one_channel_holds_the_masks(tmp_path: Path) -> None:
    found = find_scenes(fill(tmp_path / "set", east=None, result=GREY))
    assert pairs(found) == {f"east/{n}.png": f"result/{n}.png" for n in "abc"}
    assert found.notes[0] == "taken for images: east/, for masks: result/, as their files are named alike"


def test_few_colours_are_masks_whatever_the_channels(tmp_path: Path) -> None:
    found = find_scenes(fill(tmp_path / "set", east=None, result=color_mask(40, 60)))
    assert pairs(found) == {f"east/{n}.png": f"result/{n}.png" for n in "abc"}


def test_where_both_look_alike_it_is_refused_with_the_command(tmp_path: Path) -> None:
    root = fill(tmp_path / "set", bw=None, images=None)
    with pytest.raises(InputError) as caught:
        find_scenes(root)
    assert str(caught.value) == (
        f"{root}/images and {root}/bw hold pictures of equal names, and either may be the masks; give the images, then "
        f"the masks, as in terrazzo prepare {root}/images {root}/bw"
    )


def test_masks_by_name_take_the_only_folder_beside_them_and_refuse_two(tmp_path: Path) -> None:
    found = find_scenes(fill(tmp_path / "one", B=None, label=color_mask(4, 6)))
    assert pairs(found) == {f"B/{n}.png": f"label/{n}.png" for n in "abc"}
    root = fill(tmp_path / "two", A=None, B=None, label=color_mask(4, 6))
    with pytest.raises(InputError, match=r"two/A and .*two/B may hold the images of label/; give the images, then"):
        find_scenes(root)


def test_folders_of_splits_are_looked_into_and_not_compared(tmp_path: Path) -> None:
    for side in ("training", "testing"):
        fill(tmp_path / "set" / side, input=None, output=color_mask(40, 60))
    found = find_scenes(tmp_path / "set")
    assert {scene.split for scene in found.scenes} == {"train", "test"}
    assert pairs(found) == {
        f"{side}/input/{n}.png": f"{side}/output/{n}.png" for side in ("training", "testing") for n in "abc"
    }
    assert found.notes[0] == (
        "taken for images: testing/input/, for masks: testing/output/, as their files are named alike (and 1 more)"
    )
    lone = fill(tmp_path / "lone", train=None, val=None)
    with pytest.raises(InputError, match="no images with masks found"):
        find_scenes(lone)


def test_masks_in_a_folder_below_their_images(tmp_path: Path) -> None:
    root = fill(tmp_path / "set", **{"": None, "masks": color_mask(4, 6)})
    assert pairs(find_scenes(root)) == {f"{n}.png": f"masks/{n}.png" for n in "abc"}


def test_folders_of_other_names_are_not_paired(tmp_path: Path) -> None:
    root = fill(tmp_path / "set", east=None)
    write(root / "west/x.png", GREY)
    with pytest.raises(InputError, match="no images with masks found; found folders: east/"):
        find_scenes(root)


def test_one_ending_in_one_folder(tmp_path: Path) -> None:
    for n, name in enumerate("ab"):
        write(tmp_path / f"grey/{name}.png", photo(4, 6, n))
        write(tmp_path / f"grey/{name}_roofs.png", GREY)
        write(tmp_path / f"colour/{name}.png", photo(4, 6, n))
        write(tmp_path / f"colour/{name}_roofs.png", color_mask(40, 60))
        write(tmp_path / f"photo/{name}.png", photo(4, 6, n))
        write(tmp_path / f"photo/{name}_roofs.png", photo(4, 6, 9 + n))
    for kind in ("grey", "colour"):
        assert pairs(find_scenes(tmp_path / kind)) == {f"{n}.png": f"{n}_roofs.png" for n in "ab"}
    with pytest.raises(
        InputError, match=r"a_roofs\.png: may be the mask of a\.png or another picture of it; if it is, "
    ):
        find_scenes(tmp_path / "photo")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            [f"task-{n}-annotation-{n}-by-1-tag-{tag}-0.png" for n in (1, 2) for tag in ("Road", "Building")],
            "4 masks of Label Studio's brush labels, one PNG per class (Building, Road); export COCO or",
        ),
        (
            [f"{kind}/{n}.png" for n in "ab" for kind in ("images", "labels/cloud_shadow", "labels/waterway")],
            "the masks are one file per class (cloud_shadow/, waterway/); choose an export of one mask an image",
        ),
        (
            [
                *(
                    f"train/{kind}/{n}.png"
                    for n in "ab"
                    for kind in ("images/rgb", "images/nir", "masks", "boundaries")
                ),
                *(f"train/labels/{kind}/{n}.png" for n in "ab" for kind in ("cloud_shadow", "double_plant")),
            ],
            "the masks are one file per class (cloud_shadow/, double_plant/); choose an export of one mask an image",
        ),
        (
            [f"images/{n}.png" for n in "ab"] + [f"masks/{n}/{m}.png" for n in "ab" for m in ("0", "1")],
            "the masks are one file per object (masks/a/); choose an export of one mask an image",
        ),
        (
            [f"{n}{ending}.png" for n in "ab" for ending in ("", "_building", "_road")],
            "the masks are one file per class (*_building, *_road); choose an export of one mask an image",
        ),
        (
            [f"images/{n}.png" for n in "ab"] + [f"masks/{n}_{what}.png" for n in "ab" for what in ("roof", "tree")],
            "the masks are one file per class (*_roof, *_tree); choose an export of one mask an image",
        ),
        (
            [f"{n}/images/{n}.png" for n in "ab"] + [f"{n}/masks/{m}.png" for n in "ab" for m in ("0f1e", "9c2d")],
            "the masks are one file per object (a/); choose an export of one mask an image",
        ),
    ],
)
def test_exports_of_one_mask_a_class_are_named(tmp_path: Path, names: list[str], words: str) -> None:
    for seed, name in enumerate(names):
        write(tmp_path / "set" / name, photo(4, 6, seed))
    with pytest.raises(InputError) as caught:
        find_scenes(tmp_path / "set")
    assert str(caught.value).startswith(f"set: {words}")
