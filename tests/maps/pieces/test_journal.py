"""Pieces on disk: read back as written, and written without another copy of them in memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from terrazzo.maps.pieces.journal import Journal
from terrazzo.maps.pieces.lattice import Piece

PIECE = Piece(0, 0)


@pytest.mark.parametrize("name", ["probabilities.0.0", "classes.0.0", "sums.0.1"])
def test_arrays_of_any_layout_are_read_back(tmp_path: Path, name: str) -> None:
    chosen = np.random.default_rng(0)
    plain = chosen.integers(-(2**31), 2**31, (3, 700, 530)).astype(np.int32)
    for array in (plain, plain[:, ::2, 5:-7], plain.transpose(2, 0, 1), plain[:, :0]):
        Journal(tmp_path, tmp_path).write(PIECE, {name: array})
        found = Journal(tmp_path, tmp_path).read(PIECE, name)
        assert found is not None
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, array)


def test_only_probabilities_are_compressed(tmp_path: Path) -> None:
    flat = np.zeros((6, 500, 500), np.uint8)
    sizes = []
    for name in ("probabilities.0.0", "classes.0.0"):
        Journal(tmp_path, tmp_path).write(PIECE, {name: flat})
        sizes.append(next(tmp_path.glob("piece-*.npz")).stat().st_size)
    assert sizes[0] < 0.02 * flat.nbytes
    assert sizes[1] > flat.nbytes


def test_writing_a_ragged_piece_takes_no_copy_of_it(tmp_path: Path) -> None:
    """Noise does not shrink: compressed as a whole, 24 MB took 48 MB more; a megabyte at a time takes a few."""
    noise = np.random.default_rng(0).integers(0, 101, (6, 2000, 2000), np.uint8)
    Journal(tmp_path, tmp_path).write(PIECE, {"probabilities.0.0": noise[:, :9, :9]})
    tracemalloc.start()
    Journal(tmp_path, tmp_path).write(PIECE, {"probabilities.0.0": noise, "classes.0.0": noise[:1]})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.25 * noise.nbytes
