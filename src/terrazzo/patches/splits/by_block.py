"""Spatial blocks dealt out to train, val and test, with a buffer between them, so that one scene is enough.

A block is a square of N x N patches of one scene, counted from its top left corner. At the right and bottom, blocks
may be cut off. A scene is one image, or several near one another in one pixel grid. Training patches within the buffer
around validation and test blocks are on no side. Law: no validation or test pixel is nearer than the buffer to a
training pixel.
"""

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import SplitError
from terrazzo.patches.options import SplitOptions
from terrazzo.patches.splits.by_group import candidates, nearest
from terrazzo.patches.splits.origins import NO_SIDE, PatchOrigins
from terrazzo.system.reporting import how_many

LARGEST = 4
"""Patches along a side of a block, unless the images are too small for that."""
ENOUGH = 12
"""Blocks that are wanted: fewer leave little to choose from, and smaller blocks lose more to the buffer."""
_DRAWN, _WEIGHED = 400, 100
_FEW_PATCHES = 16
"""Patches an image, below which patches are compared and not images."""


def by_block(origins: PatchOrigins, options: SplitOptions, warnings: list[str]) -> NDArray[np.str_]:
    """Whole blocks for test, then val, with the buffer around them on no side; every class on all sides if possible.

    Of up to a hundred draws that are equally near to the share, the one that leaves most patches to train on is taken.
    """
    scene, cells = origins.on_ground.scene, cells_of(origins.on_ground.places, origins.patch_size)
    across = options.block_size or default_side(scene, cells)
    block = number_blocks(scene, cells, across)
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
    buffer_px = options.buffer_px(origins.patch_size)
    near = too_near(origins, sides != "train", buffer_px)
    # Overlapping images may show a place of the test twice; it must not be in validation either.
    near |= (sides == "val") & too_near(origins, sides == "test", 0)
    sides[near] = NO_SIDE
    if not (sides == "train").any():
        raise SplitError(
            f"--split block: the buffer of {buffer_px} px takes every training patch; "
            "use a smaller --buffer, --block-size, --val or --patch-size"
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
    """The patches (N,) of the blocks for one side; `wanted` is its share and the least number of blocks to leave."""
    share, keep = wanted
    free = sides == "train"
    blocks = np.unique(block[free])
    sizes = np.bincount(block)[blocks]
    pixels = np.zeros((block.max() + 1, origins.class_pixels.shape[1]), np.int64)
    np.add.at(pixels, block, origins.class_pixels)
    has = pixels[blocks] > 0
    rng = np.random.default_rng(options.seed)
    rows = candidates(sizes, share * len(sides), len(blocks) - keep, rng, _DRAWN)
    pool = nearest(rows, sizes, has, share * len(sides))[:_WEIGHED]
    buffer_px = options.buffer_px(origins.patch_size)

    def worth(row: NDArray[np.bool_]) -> tuple[int, int]:
        """Classes, then patches, that are left to train on."""
        held = ~free | np.isin(block, blocks[row])
        left = ~held & ~too_near(origins, held, buffer_px)
        return int((origins.class_pixels[left].sum(axis=0) > 0).sum()), int(left.sum())

    best = max(pool, key=lambda number: worth(rows[number]))
    return np.asarray(np.isin(block, blocks[rows[best]]) & free)


def _block_notes(origins: PatchOrigins, options: SplitOptions, sides: NDArray[np.str_], across: int) -> list[str]:
    """Warnings: what the buffer took, and which classes are on one side only."""
    n_left_out, buffer_px = int((sides == NO_SIDE).sum()), options.buffer_px(origins.patch_size)
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


def cells_of(corners: NDArray[np.int64] | NDArray[np.float64], patch_size: int) -> NDArray[np.int64]:
    """Row and column (N, 2) of patches in the grid of their scene, from their top left corners (N, 2) in pixels."""
    return np.floor(corners / patch_size).astype(np.int64)


def number_blocks(scene: NDArray[np.int64], cells: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """The number (N,) of the block of `side` x `side` patches that each patch is in, counted from 0 over all scenes."""
    named = np.column_stack([scene, cells // side])
    _, numbers = np.unique(named, axis=0, return_inverse=True)
    return np.asarray(numbers, np.int64).reshape(-1)


def default_side(scene: NDArray[np.int64], cells: NDArray[np.int64]) -> int:
    """The largest side of a block, 4 patches at most, that gives 12 blocks or more; 1 where none does."""
    for side in range(LARGEST, 1, -1):
        if len(np.unique(number_blocks(scene, cells, side))) >= ENOUGH:
            return side
    return 1


def too_near(origins: PatchOrigins, held: NDArray[np.bool_], buffer_px: int) -> NDArray[np.bool_]:
    """Which patches (N,) lie in the buffer around the `held` ones of their scene, without the held ones themselves.

    Law: a patch that is neither held nor too near is at least `buffer_px` pixels from every held one, along the rows or
    along the columns; with a buffer of 0 they do not overlap. Patches of one image lie in a grid, so the buffer reaches
    `ceil(buffer_px / patch_size)` patches far, diagonally too.
    """
    near = _near_across(origins, held, buffer_px)
    reach = -(-buffer_px // origins.patch_size)
    if reach:
        # All images below one another in one grid, too far apart for a buffer to reach the next.
        cells = cells_of(origins.corners, origins.patch_size)
        cells[:, 0] += origins.image * (cells[:, 0].max() + 1 + reach)
        near |= _any_within(cells[held], cells - reach, cells + reach)
    return near & ~held


def _near_across(origins: PatchOrigins, held: NDArray[np.bool_], buffer_px: int) -> NDArray[np.bool_]:
    """Which patches (N,) are nearer than the buffer to a `held` one of another image of their scene."""
    near = np.zeros(len(held), np.bool_)
    if origins.ground is None:
        return near
    scene, places, size = origins.ground.scene, origins.ground.places, origins.patch_size
    if len(held) < _FEW_PATCHES * len(np.unique(origins.image)):
        return _near_small(origins.image, scene, places, held, size + buffer_px)
    order = np.argsort(origins.image, kind="stable")
    images = np.split(order, np.flatnonzero(np.diff(origins.image[order])) + 1)
    scenes = np.array([scene[rows[0]] for rows in images])
    first = np.array([places[rows].min(axis=0) for rows in images])
    last = np.array([places[rows].max(axis=0) for rows in images])
    within = size + buffer_px  # corners at this distance have the buffer between their patches
    for number, rows in enumerate(images):
        mine = rows[held[rows]]
        if not len(mine):
            continue
        close = (scenes == scenes[number]) & (np.maximum(first - last[number], first[number] - last) < within).all(
            axis=1
        )
        close[number] = False
        if not close.any():
            continue
        others = np.concatenate([images[i] for i in np.flatnonzero(close)])
        # The others' corners in the pixels of this image, whose own corners are multiples of the patch size. Places are
        # in tenths of a pixel; rounding removes what floating point adds.
        there = np.round(places[others] - (places[rows[0]] - origins.corners[rows[0]]), 1)
        low = np.floor((there - within) / size).astype(np.int64) + 1
        high = np.ceil((there + within) / size).astype(np.int64) - 1
        near[others] |= _any_within(cells_of(origins.corners[mine], size), low, high)
    return near


def _near_small(
    image: NDArray[np.int64],
    scene: NDArray[np.int64],
    places: NDArray[np.float64],
    held: NDArray[np.bool_],
    within: int,
) -> NDArray[np.bool_]:
    """As `_near_across`, patch by patch instead of image by image: faster where images have few patches."""
    import shapely

    # Scenes beside one another, too far apart for a buffer to reach the next.
    _, number = np.unique(scene, return_inverse=True)
    apart = places[:, 1].max() - places[:, 1].min() + 2 * within
    at = np.column_stack([places[:, 0], places[:, 1] + number.reshape(-1) * apart])
    ours, others = np.flatnonzero(held), np.flatnonzero(~held)
    reach = within - 0.05  # places are in tenths of a pixel
    tree = shapely.STRtree(shapely.points(at[ours]))
    one, other = tree.query(shapely.box(*(at[others] - reach).T, *(at[others] + reach).T))
    near = np.zeros(len(held), np.bool_)
    near[others[one[image[others[one]] != image[ours[other]]]]] = True
    return near


def _any_within(cells: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether any of the cells (n, 2), all from 0 on, lies in each of M rectangles from `low` to `high` (M, 2)."""
    if not len(cells):
        return np.zeros(len(low), np.bool_)
    shape = cells.max(axis=0) + 1
    sums = np.zeros(shape + 1, np.int64)
    sums[1:, 1:][cells[:, 0], cells[:, 1]] = 1
    sums = sums.cumsum(axis=0).cumsum(axis=1)
    (top, left), (bottom, right) = np.clip(low, 0, shape).T, np.clip(high + 1, 0, shape).T
    counted: NDArray[np.int64] = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return counted > 0
