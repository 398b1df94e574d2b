"""A height band is worth what docs say: the benchmark on fewer and smaller worlds, held to its law."""

import pytest
from benchmarks.height import CONTESTANTS, TARGET, compare

pytestmark = pytest.mark.soak


def test_heights_add_5_points_to_the_iou_of_buildings() -> None:
    """On worlds that training never saw: the same recipe, seed and patches with and without the band."""
    found = compare(scenes=24, side=192, epochs=16, seeds=[0], recipe="unet")
    alone, both = (found[name]["building"][0] for name in CONTESTANTS)
    assert both > alone + TARGET
    assert both > 0.5, "and the network has learnt buildings at all"
