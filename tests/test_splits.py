"""Splits: what is held together, how near the shares come, what leaks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terrazzo.errors import SplitError
from terrazzo.splits import PatchOrigins, SplitOptions, counts, default_method, describe_leak, make_split

DUBAI_PATCHES = {"Tile 1": 6, "Tile 2": 2, "Tile 4": 12, "Tile 5": 16, "Tile 7": 56, "Tile 8": 40}
"""Patches of each of a tile's nine images."""


def origins(
    patches_by_group: dict[str, list[int]],
    class_pixels: dict[str, tuple[int, ...]] | None = None,
    given_sides: dict[str, str] | None = None,
) -> PatchOrigins:
    """Groups with, for each of their images, a number of patches; every patch of a group has the same class pixels."""
    image, group, sides, pixels = [], [], [], []
    n_images = 0
    for number, (name, images) in enumerate(patches_by_group.items()):
        for n_patches in images:
            image += [n_images] * n_patches
            group += [number] * n_patches
            sides += [(given_sides or {}).get(name)] * n_patches
            pixels += [(class_pixels or {}).get(name, (10, 10, 10))] * n_patches
            n_images += 1
    table = np.array(pixels, np.int64)
    names = tuple("abc"[: table.shape[1]])
    return PatchOrigins(
        np.array(image), np.array(group), tuple(sides), table, table.sum(axis=1), names, tuple(patches_by_group)
    )


def dubai() -> PatchOrigins:
    return origins({tile: [count] * 9 for tile, count in DUBAI_PATCHES.items()})


def test_the_six_dubai_tiles_hold_out_tiles_4_and_5() -> None:
    split = make_split(dubai(), SplitOptions())
    held_out = {dubai().group_names[group] for group in dubai().group[split.sides == "val"]}
    assert split.method == "group"
    assert held_out == {"Tile 4", "Tile 5"}
    assert counts(split.sides) == {"train": 936, "val": 252, "test": 0}
    assert split.leak == {"image": 0.0, "group": 0.0}


def test_a_random_patch_split_of_dubai_leaks_everything() -> None:
    split = make_split(dubai(), SplitOptions(method="patch"))
    assert counts(split.sides) == {"train": 950, "val": 238, "test": 0}  # 0.2 * 1188 = 237.6
    assert split.leak["group"] == 1.0
    assert split.leak["image"] > 0.95
    assert describe_leak(split.leak).startswith("LEAKY")


def test_leak_worked_by_hand() -> None:
    # Two images of one group, one alone. Image 0: 3 patches, image 1: 1, image 2: 1. By image, seed picks one for val.
    split = make_split(origins({"g": [3, 1], "h": [1]}), SplitOptions(method="image", val=0.34))
    side_of_image = [split.sides[0], split.sides[3], split.sides[4]]
    assert side_of_image.count("val") == 1
    assert split.leak["image"] == 0.0
    assert split.leak["group"] == (0.0 if side_of_image[2] == "val" else 1.0)


def test_the_nearest_set_of_groups_that_leaves_every_class_on_both_sides() -> None:
    # 20 of 100 are wanted. Group d alone has 20 but holds all of class c; b and c together have 20 as well.
    pixels = {"a": (5, 5, 0), "b": (5, 5, 1), "c": (5, 5, 0), "d": (5, 5, 1)}
    split = make_split(origins({"a": [60], "b": [12], "c": [8], "d": [20]}, pixels), SplitOptions(method="group"))
    chosen = split.sides != "train"
    for column in range(3):
        present = origins({"a": [60], "b": [12], "c": [8], "d": [20]}, pixels).class_pixels[:, column] > 0
        assert (present & chosen).any()
        assert (present & ~chosen).any()
    assert counts(split.sides)["val"] == 20
    assert split.warnings == ()


def test_a_class_in_one_group_only_is_named() -> None:
    pixels = {"a": (5, 5, 0), "b": (5, 5, 9), "c": (5, 5, 0)}
    split = make_split(origins({"a": [6], "b": [2], "c": [2]}, pixels), SplitOptions(method="group"))
    assert counts(split.sides)["val"] == 2
    (warning,) = split.warnings
    assert "c is on one side only" in warning


def test_given_sides_are_kept() -> None:
    split = make_split(
        origins({"x": [2], "y": [3], "z": [1]}, given_sides={"x": "train", "y": "val", "z": "test"}), SplitOptions()
    )
    assert split.method == "given"
    assert counts(split.sides) == {"train": 2, "val": 3, "test": 1}


def test_defaults_by_what_is_there() -> None:
    assert default_method(origins({"a": [1, 1], "b": [1, 1], "c": [1]})) == "group"
    assert default_method(origins({"a": [1, 1], "b": [1, 1]})) == "image"
    assert default_method(origins({"a": [4], "b": [4], "c": [4], "d": [4]})) == "image"  # every image its own group


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=4, max_size=24),
    val=st.floats(0.1, 0.4),
    test=st.sampled_from([0.0, 0.15]),
    seed=st.integers(0, 5),
)
def test_groups_stay_whole_and_every_side_is_filled(sizes: list[int], val: float, test: float, seed: int) -> None:
    source = origins({f"g{i}": [size] for i, size in enumerate(sizes)})
    options = SplitOptions("group", val, test, seed)
    split = make_split(source, options)
    for group in range(len(sizes)):
        assert len(set(split.sides[source.group == group])) == 1
    numbers = counts(split.sides)
    assert numbers["train"] > 0
    assert numbers["val"] > 0
    assert (numbers["test"] > 0) == (test > 0)
    assert split.leak == {"image": 0.0, "group": 0.0}
    assert (make_split(source, options).sides == split.sides).all()


@pytest.mark.parametrize(("share", "units", "expected"), [(0.2, 54, 11), (0.2, 10, 2), (0.01, 10, 1), (0.25, 10, 2)])
def test_image_shares_are_rounded_to_the_nearest_image_at_least_one(share: float, units: int, expected: int) -> None:
    split = make_split(origins({f"i{i}": [4] for i in range(units)}), SplitOptions("image", share))
    assert counts(split.sides)["val"] == 4 * expected


def test_one_image_alone_is_refused_with_the_remedy() -> None:
    with pytest.raises(SplitError, match="1 image cannot be divided into train and val; use --split patch"):
        make_split(origins({"only": [40]}), SplitOptions())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "tile"}, "--split tile: expected given, group, image, patch"),
        ({"val": 1.0}, "--val 1.0: expected a share"),
        ({"val": -0.1}, "--val -0.1"),
        ({"val": 0.6, "test": 0.4}, "leave nothing to train on"),
        ({"seed": -1}, "--seed -1: expected a whole number from 0 on"),
    ],
)
def test_nonsense_options_are_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(SplitError, match=words):
        SplitOptions(**arguments)  # type: ignore[arg-type]


def test_a_wish_for_given_splits_where_there_are_none() -> None:
    with pytest.raises(SplitError, match="this layout gives none"):
        make_split(origins({"a": [1], "b": [1]}), SplitOptions("given"))
    with pytest.raises(SplitError, match="no image is in a val folder, and --val is 0"):
        make_split(origins({"a": [1], "b": [1]}, given_sides={"a": "train", "b": "train"}), SplitOptions(val=0))


def test_a_given_split_without_val_holds_out_a_group_of_its_train() -> None:
    sides = {"a": "train", "b": "train", "c": "train", "d": "test"}
    # Of the 22 patches of train 4.4 are wanted: group b with 4 is the nearest. The test group stays whatever it is.
    split = make_split(origins({"a": [6, 6], "b": [2, 2], "c": [3, 3], "d": [9, 9]}, given_sides=sides), SplitOptions())
    assert split.method == "given"
    assert split.sides.tolist() == ["train"] * 12 + ["val"] * 4 + ["train"] * 6 + ["test"] * 18
    assert split.leak == {"image": 0.0, "group": 0.0}
    assert split.warnings == ("the layout's own split has no val: b of its train are held out as val (4 patches)",)


def test_a_given_split_without_val_and_of_fewer_than_three_groups_holds_out_images() -> None:
    sides = {"a": "train", "b": "train", "c": "test"}
    split = make_split(origins({"a": [2, 2, 2], "b": [2, 2], "c": [3]}, given_sides=sides), SplitOptions())
    assert counts(split.sides) == {"train": 8, "val": 2, "test": 3}  # a fifth of five images is one
    assert split.leak["image"] == 0.0
    assert split.warnings[0].startswith("the layout's own split has no val: 1 images drawn at random of its train")
