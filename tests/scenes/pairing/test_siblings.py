"""Folders that belong together by their names, and the files in them."""

from pathlib import Path

import numpy as np
import pytest

from terrazzo.errors import InputError
from terrazzo.scenes.detect import find_scenes
from terrazzo.scenes.scene import Found
from tests.worlds.handmade import photo, write

GREY = (np.indices((4, 6)).sum(0) % 3).astype(np.uint8)


def files(root: Path, *names: str) -> Path:
    """Photos of these names, no two alike; masks of one channel where the name ends with `#`."""
    for seed, name in enumerate(names):
        write(root / name.rstrip("#"), GREY if name.endswith("#") else photo(4, 6, seed))
    return root


def pairs(found: Found) -> dict[str, str]:
    return {scene.image.name: scene.label.name for scene in found.scenes}


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("JPEGImages", "SegmentationClass"),
        ("img_dir/train", "ann_dir/train"),
        ("train", "train_labels"),
        ("train_images/train", "train_masks/train"),
        ("images/images", "masks/masks"),
        ("src", "gt"),
        ("train-org-img", "train-label-img"),
        ("top", "gts"),
        ("sat", "map"),
        ("org", "GT"),
        ("x_train", "y_train"),
        ("rgb", "semantic"),
        ("Original_Images", "Label_Images"),
        ("original/2019", "ground_truth/2019"),
        ("tiles", "tiles_mask"),
        ("a/img8bit", "a/lbl"),
        ("aerial_north", "labels_north"),
        ("deep/2_Ortho_RGB", "deep/5_Labels_all"),
        ("data/train/x", "data/train/y"),
        ("photos", "truth/masks"),
    ],
)
def test_folders_that_differ_in_words_for_images_and_masks(tmp_path: Path, images: str, masks: str) -> None:
    root = files(tmp_path / "set", f"{images}/a.png", f"{masks}/a.png", f"{images}/b.png", f"{masks}/b.png")
    assert pairs(find_scenes(root)) == {f"{images}/{n}.png": f"{masks}/{n}.png" for n in "ab"}


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/a.png", "masks/semantic/a.png"),
        ("images/a.png", "annotations/trimaps/a.png"),
        ("images/8 bit/a.png", "labels/a.png"),
        ("train/images/images/a.png", "train/Semantic_masks/images/a.png"),
    ],
)
def test_a_folder_more_on_one_side(tmp_path: Path, image: str, mask: str) -> None:
    assert pairs(find_scenes(files(tmp_path / "set", image, mask))) == {image: mask}


def test_a_folder_more_that_says_a_split_or_that_is_one_of_several_is_not_passed_over(tmp_path: Path) -> None:
    assert find_scenes(files(tmp_path / "a", "images/a.png", "masks/val/a.png")).scenes == ()
    assert find_scenes(files(tmp_path / "b", "images/a.png", "masks/x/a.png", "masks/y/b.png")).scenes == ()


def test_places_do_not_mix(tmp_path: Path) -> None:
    """Each year's images go with its own masks, also where the number stands in front."""
    names = [f"{year}_{kind}/{year}.png" for year in (2019, 2020) for kind in ("images", "masks")]
    assert pairs(find_scenes(files(tmp_path / "set", *names))) == {
        "2019_images/2019.png": "2019_masks/2019.png",
        "2020_images/2020.png": "2020_masks/2020.png",
    }


def test_the_surest_names_are_taken_and_the_others_left_alone(tmp_path: Path) -> None:
    names = ["images/a.png", "src/a.png", "masks/a.png", "masks_color/a.png", "instance_masks/a.png", "dsm/a.png"]
    found = find_scenes(files(tmp_path / "set", *names))
    assert pairs(found) == {"images/a.png": "masks/a.png"}
    assert found.unpaired == ()
    assert "4 image files outside images/ and masks/ left alone, e.g. dsm/a.png" in found.notes


def test_two_that_are_as_sure_are_refused_with_the_candidates(tmp_path: Path) -> None:
    root = files(tmp_path / "set", "2_Ortho_RGB/a.png", "3_Ortho_IRRG/a.png", "5_Labels_all/a.png")
    with pytest.raises(InputError) as caught:
        find_scenes(root)
    assert str(caught.value) == (
        "set: holds 2_Ortho_RGB/ and 3_Ortho_IRRG/, so it is not clear which are the images; keep one of them there, "
        f"or name the two folders, as in {root}/2_Ortho_RGB {root}/5_Labels_all"
    )


def test_splits_in_the_names_of_folders(tmp_path: Path) -> None:
    names = [f"x_{side}/{side}.png" for side in ("train", "val")] + [
        f"y_{side}/{side}.png" for side in ("train", "val")
    ]
    assert {scene.split for scene in find_scenes(files(tmp_path / "a", *names)).scenes} == {"train", "val"}
    names = [f"city_{side}/{kind}/{side}.png" for side in ("train", "test") for kind in ("images", "masks")]
    assert {scene.split for scene in find_scenes(files(tmp_path / "b", *names)).scenes} == {"train", "test"}
    lone = files(tmp_path / "c", "grand_test/images/a.png", "grand_test/masks/a.png")
    assert [scene.split for scene in find_scenes(lone).scenes] == [None]
    year = files(tmp_path / "d", "images/val2017/a.png", "annotations/val2017/a.png")
    assert [scene.split for scene in find_scenes(year).scenes] == ["val"]


@pytest.mark.parametrize(
    "ending",
    [
        "_lab",
        "_L",
        "_P",
        "_target",
        "_label",
        "_labels",
        "_gt",
        "_mask",
        "_seg",
        "-mask",
        ".mask",
        "_annotation",
        "_semantic",
        "_class",
        "_labelIds",
    ],
)
def test_endings_of_masks(tmp_path: Path, ending: str) -> None:
    root = files(tmp_path / "two", "images/7.png", f"masks/7{ending}.png")
    assert pairs(find_scenes(root)) == {"images/7.png": f"masks/7{ending}.png"}
    root = files(tmp_path / "one", "7.png", f"7{ending}.png")
    assert pairs(find_scenes(root)) == {"7.png": f"7{ending}.png"}


def test_l_and_p_count_as_capitals_only_and_r_is_no_mask(tmp_path: Path) -> None:
    root = files(tmp_path / "set", "left/7.jpg.png", "street.png", "street_l.png", "street_r.png")
    with pytest.raises(InputError, match="no images with masks found"):
        find_scenes(root)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("a.jpg", "a.jpg.png"),
        ("a.jpg", "a.jpg___fuse.png"),
        ("IMG_061946.tif", "MSK_061946.tif"),
        ("image12.png", "mask12.png"),
        ("tile_img_0_1.png", "tile_mask_0_1.png"),
        ("x1_sat.png", "x1_mask.png"),
        ("a_rgb.png", "a_labels.png"),
    ],
)
def test_other_forms_of_names(tmp_path: Path, image: str, mask: str) -> None:
    assert pairs(find_scenes(files(tmp_path / "two", f"images/{image}", f"masks/{mask}"))) == {
        f"images/{image}": f"masks/{mask}"
    }
    assert pairs(find_scenes(files(tmp_path / "one", image, mask))) == {image: mask}


def test_an_ending_of_all_masks_that_no_table_lists_pairs_in_folders_of_their_own(tmp_path: Path) -> None:
    names = [f"images/{n}_east2k.png" for n in "ab"] + [f"masks/{n}_roofs.png" for n in "ab"]
    found = find_scenes(files(tmp_path / "set", *names))
    assert pairs(found) == {f"images/{n}_east2k.png": f"masks/{n}_roofs.png" for n in "ab"}
    assert "paired by name: 2 images *_east2k with *_roofs" in found.notes
    lone = find_scenes(files(tmp_path / "lone", "images/7.png", "masks/7_roofs.png"))
    assert pairs(lone) == {"images/7.png": "masks/7_roofs.png"}


def test_numbers_are_no_ending_and_a_mask_too_many_stops_the_rule(tmp_path: Path) -> None:
    numbers = files(tmp_path / "numbers", *(f"images/{n}_1.png" for n in "ab"), *(f"masks/{n}_2.png" for n in "ab"))
    assert find_scenes(numbers).scenes == ()
    more = files(tmp_path / "more", "images/a.png", "images/b.png", *(f"masks/{n}_roofs.png" for n in "abc"))
    assert find_scenes(more).scenes == ()


def test_further_pictures_of_masks_are_left_alone(tmp_path: Path) -> None:
    root = files(tmp_path / "set", "image/a.png", "label/a.png", "label/a_vis.png", "label/b_vis.png")
    found = find_scenes(root)
    assert "1 further picture of a mask left alone, e.g. label/a_vis.png" in found.notes
    assert [lone.asset.name for lone in found.unpaired] == ["label/b_vis.png"]


def test_several_channels_of_an_image_are_not_taken_for_one(tmp_path: Path) -> None:
    root = files(tmp_path / "set", "imagesTr/a_0000.png", "imagesTr/b_0000.png", "imagesTr/b_0001.png")
    files(root, "labelsTr/a.png", "labelsTr/b.png")
    found = find_scenes(root)
    assert pairs(found)["imagesTr/a_0000.png"] == "labelsTr/a.png"
    assert [lone.asset.name for lone in found.unpaired] == ["imagesTr/b_0001.png"]
