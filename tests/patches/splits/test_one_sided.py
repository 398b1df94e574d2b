"""Classes that one side of a split lacks, worked by hand on a few patches."""

import numpy as np

from terrazzo.patches.options import SplitOptions
from terrazzo.patches.splits.one_sided import drawn_one_sided, one_sided
from terrazzo.patches.splits.origins import PatchOrigins
from terrazzo.patches.splits.split import make_split


def origins(class_pixels: list[tuple[int, ...]], given: list[str] | None = None) -> PatchOrigins:
    """One image a patch."""
    n, pixels = len(class_pixels), np.array(class_pixels, np.int64)
    numbers = np.arange(n)
    sides = tuple(given) if given else (None,) * n
    names = ("ground", "roof", "road")
    return PatchOrigins(
        *(numbers, numbers, sides, pixels, pixels.sum(axis=1), names, tuple(map(str, numbers))),
        corners=np.zeros((n, 2), np.int64),
        patch_size=32,
    )


def test_each_side_names_the_classes_that_it_lacks() -> None:
    pixels = [(9, 1, 0), (9, 0, 0), (5, 0, 7), (5, 0, 0)]
    sides = np.array(["train", "train", "val", "test"])
    assert one_sided(origins(pixels), sides) == [
        "class road has no training pixel: no model can learn it from these patches, and its IoU of 0 enters the mean",
        "class roof has no validation pixel: the validation scores say nothing about it",
        "classes roof, road have no test pixel: the test scores say nothing about them",
    ]


def test_a_class_that_never_occurs_and_patches_in_the_buffer_are_no_matter() -> None:
    pixels = [(9, 0, 0), (9, 0, 0), (0, 9, 0)]
    assert one_sided(origins(pixels), np.array(["train", "val", "none"])) == []


def test_a_given_split_tells_and_stays() -> None:
    given = ["train", "train", "val"]
    split = make_split(origins([(9, 1, 0), (9, 1, 0), (9, 1, 4)], given), SplitOptions())
    assert split.sides.tolist() == given
    assert split.warnings == (
        "class road has no training pixel: no model can learn it from these patches, and its IoU of 0 enters the mean; "
        "--split image draws another split",
    )


def test_a_drawn_split_names_a_seed_with_every_class_on_every_side_and_is_not_drawn_again() -> None:
    # Road is in two of ten images. A split is whole if exactly one of these two is in val.
    pixels = [(9, 1, 4 * (number in (3, 8))) for number in range(10)]
    seeds = [make_split(origins(pixels), SplitOptions("image", seed=seed)) for seed in range(12)]
    whole = [len({split.sides[3], split.sides[8]}) == 2 for split in seeds]
    assert not all(whole)
    for split, is_whole in zip(seeds, whole, strict=True):
        first = next(seed for seed, good in enumerate(whole) if good)
        assert (split.warnings == ()) is is_whole
        assert is_whole or split.warnings[-1] == f"--seed {first} has every class on every side"


def test_where_too_few_images_hold_a_class_no_seed_helps() -> None:
    pixels = [(9, 1, 4 * (number == 0)) for number in range(10)]
    told = drawn_one_sided(
        origins(pixels), np.arange(10), np.array(["train"] * 8 + ["val"] * 2), SplitOptions("image"), "image"
    )
    assert told == [
        "class road has no validation pixel: the validation scores say nothing about it",
        "no other --seed can change that: road occurs in 1 image of the 10 that are dealt out",
    ]
