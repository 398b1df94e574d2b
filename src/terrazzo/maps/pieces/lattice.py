"""The windows of a raster cut into pieces that can be computed apart, and what neighbouring pieces share.

The windows depend only on raster, window and overlap (`blend.cover`). A piece is a rectangle of whole windows. Where
windows of two pieces overlap, each piece holds a part of a pixel's sum. So the spans of all pieces cut each axis into
segments, and the raster into cells: all pixels of a cell get their sums from the same pieces.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from terrazzo.model.windows.blend import Axis

PIECE_BYTES = 96 << 20
"""The most that the sums of one piece may take."""
SUM_BYTES = 4  # one int32 a class and pixel


@dataclass(frozen=True)
class Segment:
    """Rows or columns from `start` to before `stop`, and the pieces whose windows reach into them."""

    start: int
    stop: int
    pieces: range


@dataclass(frozen=True)
class Side:
    """One axis of the lattice: its windows, cut into runs of `run` windows.

    Laws: the spans of the pieces cover the axis; the segments tile it from 0 to its length without gap.
    """

    axis: Axis
    run: int
    """Windows of a piece along this axis; the last piece may have fewer."""

    @property
    def longest(self) -> int:
        """The most pixels that a piece's windows span, including those past the end of the axis."""
        return _longest(self.axis, self.run)

    @property
    def n_pieces(self) -> int:
        """How many pieces lie along this axis."""
        return -(-len(self.axis.starts) // self.run)

    def windows(self, piece: int) -> range:
        """The numbers of a piece's windows."""
        return range(piece * self.run, min((piece + 1) * self.run, len(self.axis.starts)))

    def span(self, piece: int) -> tuple[int, int]:
        """The pixels (from, to) that a piece's windows span."""
        windows = self.windows(piece)
        return self.axis.starts[windows[0]], self.end(windows[-1])

    def own(self, piece: int) -> int:
        """How many pixels lie from the start of a piece to that of the next."""
        last = piece == self.n_pieces - 1
        return (self.axis.length if last else self.span(piece + 1)[0]) - self.span(piece)[0]

    def end(self, window: int) -> int:
        """The pixel after a window's last one in the raster."""
        return min(self.axis.starts[window] + self.axis.window, self.axis.length)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The axis cut wherever a piece begins or ends."""
        spans = [self.span(piece) for piece in range(self.n_pieces)]
        cuts = sorted({cut for span in spans for cut in span})
        found = []
        first = 0
        for start, stop in pairwise(cuts):
            while spans[first][1] <= start:
                first += 1
            last = first
            while last + 1 < len(spans) and spans[last + 1][0] <= start:
                last += 1
            found.append(Segment(start, stop, range(first, last + 1)))
        return tuple(found)


@dataclass(frozen=True)
class Piece:
    """A rectangle of windows, by its number along the rows and along the columns."""

    row: int
    col: int


@dataclass(frozen=True)
class Cell:
    """A rectangle of pixels into which the same pieces reach; its name has its numbers along rows and columns."""

    name: str
    rows: Segment
    cols: Segment

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces that reach into it, row-major."""
        return tuple(Piece(row, col) for row in self.rows.pieces for col in self.cols.pieces)

    @property
    def shared(self) -> bool:
        """Whether more than one piece reaches into it."""
        return len(self.rows.pieces) * len(self.cols.pieces) > 1

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rows.stop - self.rows.start, self.cols.stop - self.cols.start


@dataclass(frozen=True)
class Lattice:
    """All windows of a raster, cut into pieces."""

    rows: Side
    cols: Side

    @property
    def n_windows(self) -> int:
        """How many windows cover the raster."""
        return len(self.rows.axis.starts) * len(self.cols.axis.starts)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All pieces, row-major."""
        return tuple(Piece(row, col) for row in range(self.rows.n_pieces) for col in range(self.cols.n_pieces))

    def cells(self, piece: Piece | None = None) -> Iterator[Cell]:
        """The cells into which a piece reaches, or all of them, row-major."""
        for i, rows in enumerate(self.rows.segments):
            if piece is not None and piece.row not in rows.pieces:
                continue
            for j, cols in enumerate(self.cols.segments):
                if piece is None or piece.col in cols.pieces:
                    yield Cell(f"{i}.{j}", rows, cols)


def cut(
    axes: tuple[Axis, Axis],
    n_classes: int,
    run: tuple[int, int] | None = None,
    fits: Callable[[int, int], bool] = lambda height, width: True,
) -> Lattice:
    """The windows of `axes` in pieces of `run` windows (along rows, along columns).

    None: the largest squares whose sums take at most PIECE_BYTES and whose (height, width) pass `fits`; at least one
    window.
    """
    rows, cols = axes
    if run is None:
        side = 1
        while side < max(len(rows.starts), len(cols.starts)):
            height, width = _longest(rows, side + 1), _longest(cols, side + 1)
            if height * width * n_classes * SUM_BYTES > PIECE_BYTES or not fits(height, width):
                break
            side += 1
        run = (side, side)
    return Lattice(Side(rows, run[0]), Side(cols, run[1]))


def _longest(axis: Axis, windows: int) -> int:
    """The most pixels that this many neighbouring windows of an axis span."""
    count = min(windows, len(axis.starts))
    longest = max(last - first for first, last in zip(axis.starts, axis.starts[count - 1 :], strict=False))
    return longest + axis.window
