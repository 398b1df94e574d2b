"""The buffer around held patches: image by image and patch by patch it takes the same ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terrazzo.patches.splits import by_block
from terrazzo.patches.splits.origins import Ground, PatchOrigins

SIZE = 32


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.sampled_from([0, 1, 32, 50]))
def test_the_buffer_across_images_is_the_same_both_ways(seed: int, n_images: int, buffer_px: int) -> None:
    rng = np.random.default_rng(seed)
    cells = np.argwhere(np.ones((2, 3), bool))
    n = n_images * len(cells)
    image = np.repeat(np.arange(n_images), len(cells))
    scene = rng.integers(0, 2, n_images)[image]
    corners = np.tile(cells * SIZE, (n_images, 1))
    places = corners + np.round(rng.uniform(0, 200, (n_images, 2)), 1)[image]
    pixels = np.ones((n, 1), np.int64)
    about = (image, image, (None,) * n, pixels, pixels[:, 0], ("a",), ("x",))
    origins = PatchOrigins(*about, corners=corners, patch_size=SIZE, ground=Ground(image, scene, places))
    held = rng.random(n) < 0.2

    def near(few: int) -> np.ndarray:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(by_block, "_FEW_PATCHES", few)
            return by_block.too_near(origins, held, buffer_px)

    assert (near(0) == near(100)).all()
    apart = np.abs(places[:, None] - places[None]).max(axis=2)
    same_scene = (scene[:, None] == scene[None]) & (image[:, None] != image[None])
    across = (same_scene & (np.round(apart, 1) < SIZE + buffer_px) & held[None]).any(axis=1)
    assert near(100)[across & ~held].all()
