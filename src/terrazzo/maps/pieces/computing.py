"""From windows to finished pieces in the journal, and from the journal to finished cells of the map."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.maps.pieces.journal import Journal
from terrazzo.maps.pieces.lattice import Cell, Lattice, Piece
from terrazzo.maps.pieces.sums import Layers, finish, weighted
from terrazzo.maps.pieces.window_reader import Batch, WindowReader, one_ahead
from terrazzo.model.predictor import Classify

_SUMS = "sums"


@dataclass(frozen=True)
class Finished:
    """A piece that is now in the journal, and how many of its windows were classified."""

    piece: Piece
    n_windows: int


def fill_journal(
    classify: Classify, reader: WindowReader, journal: Journal, wanted: tuple[str, ...], pieces: Sequence[Piece]
) -> Iterator[Finished]:
    """Compute the pieces; each is in the journal when it is returned, written while the next is begun.

    Every window is classified once. Law: what the journal holds of a pixel depends on neither the cut into pieces nor
    their order, as all sums are of whole numbers.
    """

    def write(done: Finished, arrays: dict[str, NDArray[Any]]) -> Finished:
        journal.write(done.piece, arrays)
        return done

    waiting: Future[Finished] | None = None
    with ThreadPoolExecutor(1, "journal") as writer:
        for found in _computed(classify, reader, wanted, pieces):
            if waiting is not None:
                yield waiting.result()
            waiting = writer.submit(write, *found)
            del found  # freed once written, not once the next piece is computed
        if waiting is not None:
            yield waiting.result()


def _computed(
    classify: Classify, reader: WindowReader, wanted: tuple[str, ...], pieces: Sequence[Piece]
) -> Iterator[tuple[Finished, dict[str, NDArray[Any]]]]:
    """Each piece with what the journal keeps of it."""
    lattice = reader.lattice
    # One block of memory for the sums of all pieces: fresh memory costs more than the additions.
    memory: NDArray[np.int32] | None = None
    sums: NDArray[np.int32] | None = None
    n_windows = 0
    for part in one_ahead(reader.read(pieces)):
        if isinstance(part, Batch):
            probs = classify(part.pixels)
            if memory is None:
                memory = np.zeros(probs.shape[1] * lattice.rows.longest * lattice.cols.longest, np.int32)
            if sums is None:
                shape = (probs.shape[1], *_shape(lattice, part.piece))
                sums = memory[: math.prod(shape)].reshape(shape)
                sums[...] = 0
            _add(sums, probs, part, lattice)
            n_windows += len(part.places)
            continue
        n_done, found = n_windows, sums
        sums, n_windows = None, 0
        yield (
            Finished(part.piece, n_done),
            {} if found is None else _cells(found, part.valid, lattice, part.piece, wanted),
        )


def assemble(lattice: Lattice, journal: Journal, wanted: tuple[str, ...]) -> Iterator[tuple[Cell, Layers]]:
    """Every cell that holds a valid pixel, with its layers: the sums of the pieces around it added up."""
    for cell in lattice.cells():
        if not cell.shared:
            found = {name: journal.read(cell.pieces[0], f"{name}.{cell.name}") for name in wanted}
            if layers := {name: layer for name, layer in found.items() if layer is not None}:
                yield cell, layers
            continue
        total: NDArray[np.int32] | None = None
        for piece in cell.pieces:
            sums = journal.read(piece, f"{_SUMS}.{cell.name}")
            if sums is not None:
                total = sums if total is None else total + sums
        if total is not None:
            yield cell, finish(total, wanted)


def _shape(lattice: Lattice, piece: Piece) -> tuple[int, int]:
    top, bottom = lattice.rows.span(piece.row)
    left, right = lattice.cols.span(piece.col)
    return bottom - top, right - left


def _add(sums: NDArray[np.int32], probs: NDArray[np.float32], batch: Batch, lattice: Lattice) -> None:
    """Add the windows of a batch to the sums (K, h, w) of its piece, in place."""
    rows, cols = lattice.rows, lattice.cols
    top, left = rows.span(batch.piece.row)[0], cols.span(batch.piece.col)[0]
    for (i, j), window in zip(batch.places, probs, strict=False):  # the rest of the batch is padding
        row, col = rows.axis.starts[i], cols.axis.starts[j]
        height, width = rows.end(i) - row, cols.end(j) - col
        terms = weighted(window[:, :height, :width], rows.axis.weights[i][:height], cols.axis.weights[j][:width])
        sums[:, row - top : row - top + height, col - left : col - left + width] += terms


def _cells(
    sums: NDArray[np.int32], valid: NDArray[np.bool_], lattice: Lattice, piece: Piece, wanted: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    """What the journal keeps of a piece: layers of its own cells, sums of shared ones, nothing of empty ones."""
    top, left = lattice.rows.span(piece.row)[0], lattice.cols.span(piece.col)[0]
    sums[:, ~valid] = 0
    arrays: dict[str, NDArray[Any]] = {}
    for cell in lattice.cells(piece):
        place = (
            slice(cell.rows.start - top, cell.rows.stop - top),
            slice(cell.cols.start - left, cell.cols.stop - left),
        )
        if not valid[place].any():
            continue
        part = sums[:, *place]
        if cell.shared:
            arrays[f"{_SUMS}.{cell.name}"] = part.copy()  # the next piece is computed in the same memory
        else:
            arrays |= {f"{name}.{cell.name}": layer for name, layer in finish(part, wanted).items()}
    return arrays
