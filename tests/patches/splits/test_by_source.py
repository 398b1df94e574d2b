"""Sources divided each by itself: the sides, the method, and what may be said of a buffer."""

import numpy as np
import pytest

from terrazzo.errors import SplitError
from terrazzo.patches.options import SplitOptions
from terrazzo.patches.splits.by_source import by_source
from terrazzo.patches.splits.origins import NO_SIDE, PatchOrigins

SIZE, ACROSS = 32, 8
BLOCK = SplitOptions("block", block_size=2, buffer=16)


def two_scenes(groups: tuple[int, int], copies: bool = False) -> PatchOrigins:
    """Two sources of one image with 8 x 8 patches each, in these groups."""
    cells = np.argwhere(np.ones((ACROSS, ACROSS), bool))
    image = np.repeat([0, 1], len(cells))
    pixels = np.ones((len(image), 1), np.int64)
    return PatchOrigins(
        image=image,
        group=np.array(groups)[image],
        given=(None,) * len(image),
        class_pixels=pixels,
        valid_pixels=pixels[:, 0],
        class_names=("a",),
        group_names=("x", "y"),
        corners=np.tile(cells * SIZE, (2, 1)),
        patch_size=SIZE,
        picture=np.zeros_like(image) if copies else None,
        source=image,
    )


def test_the_buffer_is_the_least_of_the_sources_that_share_groups() -> None:
    split = by_source(two_scenes((0, 1)), [("one", BLOCK), ("two", SplitOptions("block", block_size=2, buffer=32))])
    assert split.method == "block"
    assert split.leak == {"image": 1.0, "group": 1.0, "buffer_px": 16.0}
    for source in (slice(0, 64), slice(64, 128)):
        assert {"train", "val", NO_SIDE} == set(split.sides[source].tolist())


def test_no_buffer_is_claimed_where_sources_share_a_group() -> None:
    # One scene is in both sources: its blocks of one lie on the training blocks of the other.
    other = SplitOptions("block", seed=5, block_size=2, buffer=16)
    split = by_source(two_scenes((0, 0), copies=True), [("one", BLOCK), ("two", other)])
    assert split.leak == {"image": 1.0, "group": 1.0}


def test_one_source_by_patch_claims_no_buffer_and_options_of_blocks_are_for_the_others() -> None:
    by_patch = SplitOptions("patch")
    split = by_source(two_scenes((0, 1)), [("one", by_patch), ("two", BLOCK)])
    assert split.method == "sources"
    assert "buffer_px" not in split.leak
    assert all(line.startswith("source two: ") for line in split.warnings)


def test_errors_name_the_source() -> None:
    with pytest.raises(SplitError, match=r"^source two: --split image: 1 image cannot be divided"):
        by_source(two_scenes((0, 1)), [("one", BLOCK), ("two", SplitOptions("image"))])
