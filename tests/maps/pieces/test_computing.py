"""Pieces computed: what is added up while the network works, and what an error there does."""

from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from terrazzo.maps.pieces import computing
from terrazzo.maps.pieces.computing import fill_journal
from terrazzo.maps.pieces.journal import Journal
from terrazzo.maps.pieces.lattice import Lattice, cut
from terrazzo.maps.pieces.sums import CLASSES
from terrazzo.maps.pieces.window_reader import WindowReader
from terrazzo.model.windows.blend import cover
from tests.worlds.headers import HEADER
from tests.worlds.mapping import Greatest
from tests.worlds.rasters import noise

LONGEST = 60  # seconds that a test waits for another thread


class FromMemory:
    """A raster in memory, all valid."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = pixels

    def read(self, row: int, col: int, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        return self._pixels[row : row + height, col : col + width], np.ones((height, width), bool)


def a_reader() -> WindowReader:
    lattice: Lattice = cut((cover(96, 32, 8), cover(96, 32, 8)), 3, run=(2, 2))
    pixels = noise(3, 96, 96).transpose(1, 2, 0)
    return WindowReader(FromMemory(pixels), lattice, HEADER.normalization, batch_size=1)


def test_the_network_classifies_a_batch_while_the_one_before_is_added_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first addition ends when the second batch is classified: one after the other, neither would end."""
    model, second = Greatest(HEADER, []), Event()
    calls = 0

    def classify(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        nonlocal calls
        calls += 1
        if calls == 2:
            second.set()
        return model.classify(pixels)

    add = computing._add

    def waiting(*given: Any) -> None:
        assert second.wait(LONGEST)
        add(*given)

    monkeypatch.setattr(computing, "_add", waiting)
    reader = a_reader()
    pieces = reader.lattice.pieces
    done = list(fill_journal(classify, reader, Journal(tmp_path, tmp_path), (CLASSES,), pieces))
    assert [each.piece for each in done] == list(pieces)
    assert sum(each.n_windows for each in done) == reader.lattice.n_windows == calls


@pytest.mark.parametrize("name", ["_add", "_cells"])
def test_an_error_in_adding_up_ends_the_computing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*given: Any) -> None:
        raise MemoryError("no room for sums")

    monkeypatch.setattr(computing, name, failing)
    reader, journal = a_reader(), Journal(tmp_path, tmp_path)
    with pytest.raises(MemoryError, match="no room for sums"):
        list(fill_journal(Greatest(HEADER, []).classify, reader, journal, (CLASSES,), reader.lattice.pieces))
    assert not journal.pieces()
