"""Memory does not grow with the raster: the benchmarks of docs at full size, held to their law."""

import argparse
from pathlib import Path

import pytest
from benchmarks.prediction import BIG_LIMIT_GB, BIG_SIDE, big, memory

pytestmark = pytest.mark.soak


def test_sixteen_times_the_rows_take_the_same_memory(tmp_path: Path) -> None:
    found = memory(argparse.Namespace(network="small", model=None, ragged=False, heights=(4096, 65536)), tmp_path)
    assert found["largest_over_smallest"] < 1.1


def test_a_ragged_map_of_sixteen_times_the_rows_takes_the_same_memory(tmp_path: Path) -> None:
    found = memory(argparse.Namespace(network="small", model=None, ragged=True, heights=(4096, 65536)), tmp_path)
    assert found["largest_over_smallest"] < 1.1


def test_a_map_of_1600_megapixels_stays_below_the_limit(tmp_path: Path) -> None:
    found = big(argparse.Namespace(big_side=BIG_SIDE), tmp_path)
    assert found["peak_rss_mb"] < BIG_LIMIT_GB * 1000
