"""Splits: what is held together, how near the shares come, what leaks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from terrazzo.errors import SplitError
from terrazzo.patches.options import NONE_HELD_OUT, SplitOptions
from terrazzo.patches.splits.leak import describe_leak
from terrazzo.patches.splits.origins import PatchOrigins
from terrazzo.patches.splits.split import counts, default_method, make_split

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
    corners = np.zeros((len(image), 2), np.int64)
    return PatchOrigins(
        *(np.array(image), np.array(group), tuple(sides), table, table.sum(axis=1), names, tuple(patches_by_group)),
        corners=corners,
        patch_size=32,
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
    with pytest.raises(SplitError, match="1 image cannot be divided into train and val; use --split block"):
        make_split(origins({"only": [40]}), SplitOptions())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "tile"}, "--split tile: expected given, group, image, block or patch"),
        ({"val": 1.0}, "--val 1.0: expected a value less than 1"),
        ({"val": -0.1}, "--val -0.1"),
        ({"val": 0.6, "test": 0.4}, "leave nothing to train on"),
        ({"seed": -1}, "--seed -1: expected a value greater than or equal to 0"),
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


@st.composite
def layouts(draw: st.DrawFn) -> PatchOrigins:
    """One to three images of patches in a grid with holes, each patch of one of three classes."""
    size = draw(st.sampled_from([32, 50]))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    image, corners = [], []
    for number in range(draw(st.integers(1, 3))):
        rows, cols = draw(st.tuples(st.integers(4, 12), st.integers(4, 12)))
        cells = np.argwhere(rng.random((rows, cols)) < 0.9)
        image += [number] * len(cells)
        corners += (cells * size).tolist()
    pixels = np.eye(3, dtype=np.int64)[rng.integers(0, 3, len(image))] * size * size
    names = tuple(f"scene {number}" for number in range(3))
    numbers = np.array(image)
    return PatchOrigins(
        *(numbers, numbers, (None,) * len(image), pixels, pixels.sum(axis=1), ("a", "b", "c"), names),
        corners=np.array(corners),
        patch_size=size,
    )


@settings(max_examples=40, deadline=None)
@given(
    source=layouts(),
    buffer=st.sampled_from([None, 0, 1, 40, 64, 101]),
    block_size=st.sampled_from([None, 1, 2, 3]),
    test=st.sampled_from([0.0, 0.15]),
    seed=st.integers(0, 3),
)
def test_no_validation_pixel_is_nearer_than_the_buffer_to_a_training_pixel(
    source: PatchOrigins, buffer: int | None, block_size: int | None, test: float, seed: int
) -> None:
    options = SplitOptions("block", 0.2, test, seed, block_size, buffer)
    try:
        split = make_split(source, options)
    except SplitError:
        return  # too small a scene for so large blocks or buffers
    wanted_px = source.patch_size if buffer is None else buffer
    train, none = np.flatnonzero(split.sides == "train"), np.flatnonzero(split.sides == "none")
    held = np.flatnonzero(np.isin(split.sides, ["val", "test"]))

    def least_px(one: int, others: NDArray[np.int64]) -> int:
        """The fewest pixels between a patch and others of its image, along the direction that parts them more."""
        mine = others[source.image[others] == source.image[one]]
        apart = np.abs(source.corners[mine] - source.corners[one]).max(axis=1, initial=0) - source.patch_size
        return int(apart.min(initial=10_000))

    assert all(least_px(one, train) >= wanted_px for one in held)
    assert all(least_px(one, held) < wanted_px for one in none), "left out without need"
    assert len(train)
    assert (split.sides == "val").any()
    assert split.leak["buffer_px"] == wanted_px
    assert (make_split(source, options).sides == split.sides).all()


def grid(rows: int, cols: int, classes: int = 1, patch_size: int = 64) -> PatchOrigins:
    """One scene of whole patches; class i is on every `classes`-th patch."""
    cells = np.argwhere(np.ones((rows, cols)))
    pixels = np.eye(classes, dtype=np.int64)[np.arange(len(cells)) % classes] * 100
    zeros = np.zeros(len(cells), np.int64)
    names = tuple("abc"[:classes])
    return PatchOrigins(
        *(zeros, zeros, (None,) * len(cells), pixels, pixels.sum(axis=1), names, ("scene",)),
        corners=cells * patch_size,
        patch_size=patch_size,
    )


def test_a_scene_of_16_x_16_patches_is_divided_in_blocks_of_4() -> None:
    split = make_split(grid(16, 16, 3), SplitOptions("block", 0.25))
    chosen = np.unique(np.argwhere((split.sides == "val").reshape(16, 16)) // 4, axis=0)
    assert counts(split.sides)["val"] == 64  # a quarter of 16 blocks is 4 of 16 patches each
    assert len(chosen) == 4
    assert split.leak == {"image": 1.0, "group": 1.0, "buffer_px": 64.0}
    assert "LEAKY" not in describe_leak(split.leak)
    assert "none is nearer than 64 px to a training pixel" in describe_leak(split.leak)
    n_left_out = int((split.sides == "none").sum())
    assert f"{n_left_out} of 256 patches lie within 64 px of a validation or test block" in split.warnings[0]


def test_small_scenes_get_smaller_blocks() -> None:
    # 12 blocks or more: 8 x 8 patches in blocks of 2 are 16, in blocks of 3 only 9.
    assert "blocks of 2 x 2 patches" in make_split(grid(8, 8), SplitOptions("block")).warnings[0]
    assert "blocks of 1 x 1 patches" in make_split(grid(3, 5), SplitOptions("block")).warnings[0]


def test_without_a_buffer_a_block_split_is_leaky() -> None:
    split = make_split(grid(8, 8), SplitOptions("block", buffer=0))
    assert (split.sides != "none").all()
    assert describe_leak(split.leak).startswith("LEAKY")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SplitOptions("block", block_size=8), "1 block of 8 x 8 patches cannot be divided into train and val"),
        (SplitOptions("block", buffer=64 * 8), "the buffer of 512 px takes every training patch"),
    ],
)
def test_blocks_that_leave_nothing_are_refused(options: SplitOptions, words: str) -> None:
    with pytest.raises(SplitError, match=words):
        make_split(grid(8, 8), options)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"block_size": 0}, "--block-size 0: expected patches along the side of a block"),
        ({"buffer": -1}, "--buffer -1: expected pixels"),
        ({"method": "image", "buffer": 3}, "--buffer 3: is for --split block, not for --split image"),
    ],
)
def test_nonsense_options_of_blocks_are_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(SplitError, match=words):
        SplitOptions(**arguments)  # type: ignore[arg-type]


def test_where_none_is_held_out_every_patch_is_in_train_and_nothing_leaks() -> None:
    split = make_split(dubai(), SplitOptions(NONE_HELD_OUT, val=0.0))
    assert split.method == "none held out"
    assert counts(split.sides) == {"train": 9 * 132, "val": 0, "test": 0}  # 6 + 2 + 12 + 16 + 56 + 40 = 132 a tile
    assert split.leak == {}
    assert describe_leak(split.leak) == "every patch is in train, so these patches alone give no score"


def test_a_block_size_needs_blocks_where_none_is_held_out() -> None:
    with pytest.raises(SplitError, match="--block-size 4: is for --split block"):
        SplitOptions(NONE_HELD_OUT, val=0.0, block_size=4)
