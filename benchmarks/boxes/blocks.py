"""Which pixels may be labelled, and which are scored: every second block of a tile, like the squares of a chessboard.

Boxes of `SIDE` pixels lie on a grid from the tile's upper left corner. Blocks are multiples of it, so a box lies in one
block. Law: no pixel is both labelled and scored.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SIDE = 128
"""Height and width of a box in pixels."""
LARGE, SMALL = 512, 256
"""Height and width of a block, and of those of a tile with a side below three large ones."""


def block_of(shape: tuple[int, int]) -> int:
    """Height and width of the blocks of a tile of (height, width)."""
    return LARGE if min(shape) >= 3 * LARGE else SMALL


def labelled_blocks(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W): where boxes may lie. Scores are taken from the other pixels."""
    block = block_of(shape)
    rows, cols = np.arange(shape[0]) // block, np.arange(shape[1]) // block
    return (rows[:, None] + cols[None]) % 2 == 0


def corners(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """(row, col) of the upper left corner of every whole box that may be labelled, row by row."""
    may = labelled_blocks(shape)
    rows, cols = (range(0, side - SIDE + 1, SIDE) for side in shape)
    return [(row, col) for row in rows for col in cols if may[row, col]]


def random_corners(shape: tuple[int, int], number: int, seed: Sequence[int]) -> list[tuple[int, int]]:
    """So many boxes at random, in the order in which they are drawn; all if there are fewer."""
    there = corners(shape)
    return [there[place] for place in np.random.default_rng(list(seed)).permutation(len(there))[:number]]


def shared_out(number: int, shapes: Sequence[tuple[int, int]]) -> list[int]:
    """So many boxes over tiles, in proportion to where boxes may lie; each tile has one, if there is one for each."""
    room = np.array([len(corners(shape)) for shape in shapes], float)
    least = 1 if number >= len(shapes) else 0
    wanted = np.maximum(number * room / room.sum(), least)
    found = np.floor(wanted).astype(int)
    while found.sum() < number:
        found[np.argmax(wanted - found)] += 1
    while found.sum() > number:
        found[np.argmax(found)] -= 1
    return [int(each) for each in found]
