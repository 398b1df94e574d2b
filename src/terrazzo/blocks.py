"""Spatial blocks dealt out to train, val and test, with a buffer between: what makes one scene enough.

A block is a square of N x N patches of one image, counted from its top left corner; at the right and at the bottom
blocks may be cut off. Training patches within the buffer around validation and test blocks are on no side. Law: no
validation or test pixel is nearer than the buffer to a training pixel.
"""

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import SplitError
from terrazzo.group_split import candidates
from terrazzo.origins import NO_SIDE, PatchOrigins, SplitOptions
from terrazzo.reporting import how_many

LARGEST = 4
"""Patches along a side of a block, unless the images are too small for so large ones."""
ENOUGH = 12
"""So many blocks are wanted: fewer leave little to choose from, and smaller blocks lose more to the buffer."""
_DRAWN, _WEIGHED = 400, 100


def by_block(origins: PatchOrigins, options: SplitOptions, warnings: list[str]) -> NDArray[np.str_]:
    """Whole blocks for test, then for val; the buffer around them on no side. Every class on all sides where it can.

    Of up to a hundred draws that come equally near to the share, the one that leaves most patches to train on.
    """
    cells = cells_of(origins.corners, origins.patch_size)
    across = options.block_size or default_side(origins.image, cells)
    block = number_blocks(origins.image, cells, across)
    sides = np.full(len(block), "train", dtype="<U5")
    wanted = [(side, share) for side, share in (("test", options.test), ("val", options.val)) if share > 0]
    n_blocks = len(np.unique(block))
    if n_blocks <= len(wanted):
        raise SplitError(
            f"--split block: {how_many(n_blocks, 'block')} of {across} x {across} patches cannot be divided into train "
            f"and {' and '.join(side for side, _ in wanted)}; use a smaller --block-size or --patch-size"
        )
    for position, (held, share) in enumerate(wanted):
        chosen = _choose_blocks(origins, options, block, sides, (share, len(wanted) - position))
        sides[chosen] = held
    near = too_near(origins.image, cells, sides != "train", origins.patch_size, buffer_of(origins, options))
    sides[near] = NO_SIDE
    if not (sides == "train").any():
        raise SplitError(
            f"--split block: the buffer of {buffer_of(origins, options)} px takes every patch that is left to train "
            "on; use a smaller --buffer, --block-size, --val or --patch-size"
        )
    warnings += _block_notes(origins, options, sides, across)
    return sides


def _choose_blocks(
    origins: PatchOrigins,
    options: SplitOptions,
    block: NDArray[np.int64],
    sides: NDArray[np.str_],
    wanted: tuple[float, int],
) -> NDArray[np.bool_]:
    """The patches (N,) of the blocks for one side; `wanted` is its share, and how many blocks at least must be left."""
    share, keep = wanted
    free = sides == "train"
    blocks = np.unique(block[free])
    sizes = np.bincount(block)[blocks]
    pixels = np.zeros((block.max() + 1, origins.class_pixels.shape[1]), np.int64)
    np.add.at(pixels, block, origins.class_pixels)
    has = pixels[blocks] > 0
    rng = np.random.default_rng(options.seed)
    rows = candidates(sizes, share * len(sides), len(blocks) - keep, rng, _DRAWN)
    distance = np.abs(rows @ sizes - share * len(sides))
    complete = ((rows @ has > 0) & (~rows @ has > 0) | ~has.any(axis=0)).all(axis=1)
    pool = np.flatnonzero(complete) if complete.any() else np.arange(len(rows))
    pool = pool[distance[pool] <= distance[pool].min()][:_WEIGHED]
    cells, buffer_px = cells_of(origins.corners, origins.patch_size), buffer_of(origins, options)

    def worth(row: NDArray[np.bool_]) -> tuple[int, int]:
        """Classes, then patches, that are left to train on."""
        held = ~free | np.isin(block, blocks[row])
        left = ~held & ~too_near(origins.image, cells, held, origins.patch_size, buffer_px)
        return int((origins.class_pixels[left].sum(axis=0) > 0).sum()), int(left.sum())

    best = max(pool, key=lambda number: worth(rows[number]))
    return np.asarray(np.isin(block, blocks[rows[best]]) & free)


def _block_notes(origins: PatchOrigins, options: SplitOptions, sides: NDArray[np.str_], across: int) -> list[str]:
    """What the user should know of a block split: what the buffer took, and which classes are on one side only."""
    n_left_out, buffer_px = int((sides == NO_SIDE).sum()), buffer_of(origins, options)
    notes = [
        f"--split block: blocks of {across} x {across} patches; {n_left_out} of {len(sides)} patches lie within "
        f"{buffer_px} px of a validation or test block and are left out of training"
    ]
    present = origins.class_pixels.sum(axis=0) > 0
    for side in ("val", "test"):
        if (sides == side).any():
            both = [(origins.class_pixels[sides == one].sum(axis=0) > 0) for one in (side, "train")]
            alone = [origins.class_names[i] for i in np.flatnonzero(present & ~(both[0] & both[1]))]
            if alone:
                notes.append(
                    f"--split block: {', '.join(alone)} {'is' if len(alone) == 1 else 'are'} not both in {side} and in "
                    "train; another --seed or a smaller --block-size may change that"
                )
    return notes


def buffer_of(origins: PatchOrigins, options: SplitOptions) -> int:
    """The pixels that are kept between the sides: one patch where none are asked for."""
    return origins.patch_size if options.buffer is None else options.buffer


def cells_of(corners: NDArray[np.int64], patch_size: int) -> NDArray[np.int64]:
    """Row and column (N, 2) of patches in the grid of their image, from their top left corners (N, 2) in pixels."""
    cells: NDArray[np.int64] = corners // patch_size
    return cells


def number_blocks(image: NDArray[np.int64], cells: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """The number (N,) of the block of `side` x `side` patches that each patch is in, counted from 0 over all images."""
    named = np.column_stack([image, cells // side])
    _, numbers = np.unique(named, axis=0, return_inverse=True)
    return np.asarray(numbers, np.int64).reshape(-1)


def default_side(image: NDArray[np.int64], cells: NDArray[np.int64]) -> int:
    """The largest side of a block, 4 patches at most, that gives 12 blocks or more; 1 where none does."""
    for side in range(LARGEST, 1, -1):
        if len(np.unique(number_blocks(image, cells, side))) >= ENOUGH:
            return side
    return 1


def too_near(
    image: NDArray[np.int64], cells: NDArray[np.int64], held: NDArray[np.bool_], patch_size: int, buffer_px: int
) -> NDArray[np.bool_]:
    """Which patches (N,) lie in the buffer around the `held` ones of their image, those themselves not among them.

    Law: between a pixel of a held patch and one of a patch that is neither held nor too near lie at least `buffer_px`
    pixels, along the rows or along the columns. Patches lie in a grid, so the buffer reaches `ceil(buffer_px /
    patch_size)` patches far, diagonally too.
    """
    reach = -(-buffer_px // patch_size)
    if reach == 0:
        return np.zeros(len(image), np.bool_)
    # All images above one another in one grid, so far apart that no buffer reaches from one into the next.
    height, width = cells.max(axis=0) + 1
    rows, cols = cells[:, 0] + image * (height + reach), cells[:, 1]
    sums = np.zeros((rows.max() + 2, width + 1), np.int64)
    sums[1:, 1:][rows[held], cols[held]] = 1
    sums = sums.cumsum(axis=0).cumsum(axis=1)
    top, left = np.maximum(rows - reach, 0), np.maximum(cols - reach, 0)
    bottom, right = np.minimum(rows + reach + 1, len(sums) - 1), np.minimum(cols + reach + 1, width)
    counted = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    near: NDArray[np.bool_] = (counted > 0) & ~held
    return near
