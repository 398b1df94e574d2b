"""The blocks and overviews of a Cloud-Optimized GeoTIFF, for a raster of any shape.

Laws: an overview has half the rows and half the columns of the level above it, rounded down. No level of more than
BLOCK pixels along a side is as wide as a block: readers take it for one in strips (`rio cogeo validate --strict`).
"""

from dataclasses import dataclass

BLOCK = 512
"""The side of a block in pixels. A level that fits into one block needs no overview."""
_SMALLER = (BLOCK, 256, 128)
"""The sides to choose from: powers of two, as GDAL has no others in overviews, and not below its least."""
_STEP = 16
"""The sides of blocks are multiples of this (TIFF 6.0, section 15)."""


@dataclass(frozen=True)
class Pyramid:
    """How a raster is cut into blocks, and how many overviews it has."""

    block: int
    n_overviews: int


def pyramid(height: int, width: int) -> Pyramid:
    """The pyramid of a raster: the most overviews that the laws allow, then the largest blocks.

    A raster that fits into one block of BLOCK pixels gets a block no larger than it needs, and no overview. One that is
    a pixel wide or high gets none either, whatever its length.
    """
    longest = max(height, width)
    if longest <= BLOCK:
        return Pyramid(max(_SMALLER[-1], -(-longest // _STEP) * _STEP), 0)
    levels = [(height, width)]
    while max(levels[-1]) > BLOCK and min(levels[-1]) > 1:
        levels.append((levels[-1][0] // 2, levels[-1][1] // 2))
    fitting = [Pyramid(block, n) for block in _SMALLER if (n := _whole(levels, block) - 1) >= 0]
    return max(fitting, key=lambda found: (found.n_overviews, found.block))


def _whole(levels: list[tuple[int, int]], block: int) -> int:
    """How many levels from the first on may have blocks of this side."""
    for n, (height, width) in enumerate(levels):
        if width == block and height > BLOCK:
            return n
    return len(levels)
