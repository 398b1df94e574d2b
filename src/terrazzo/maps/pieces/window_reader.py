"""The windows of a raster as the network sees them, in batches; one batch is read ahead."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from terrazzo.maps.pieces.lattice import Lattice, Piece
from terrazzo.model.normalization import Normalization
from terrazzo.pixels.bands.depth import Pixels

T = TypeVar("T")


class PixelSource(Protocol):
    """What is read: an open raster (`rasters.RasterPixels`), or an array in tests."""

    def read(self, row: int, col: int, height: int, width: int) -> tuple[Pixels, NDArray[np.bool_]]:
        """Pixels (height, width, C) from (row, col), and which are valid (height, width).

        They are uint8, or float32 with NaN where a value is missing.
        """


@dataclass(frozen=True)
class Batch:
    """Windows of one piece: their numbers along rows and columns, and their pixels (B, C, window, window).

    B is the same in every batch of a raster, so that a window's probabilities do not depend on the other windows of its
    batch. Batches with fewer places are padded.
    """

    piece: Piece
    places: tuple[tuple[int, int], ...]
    pixels: Pixels


@dataclass(frozen=True)
class ReadPiece:
    """The end of a piece: which pixels of its span are valid (h, w)."""

    piece: Piece
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class WindowReader:
    """Reads the windows of pieces, except those without a valid pixel."""

    source: PixelSource
    lattice: Lattice
    normalization: Normalization
    batch_size: int

    def read(self, pieces: Iterable[Piece]) -> Iterator[Batch | ReadPiece]:
        """The batches of each piece, followed by its end."""
        for piece in pieces:
            top, bottom = self.lattice.rows.span(piece.row)
            left, right = self.lattice.cols.span(piece.col)
            valid = np.zeros((bottom - top, right - left), bool)
            waiting: list[tuple[tuple[int, int], Pixels]] = []
            for place, pixels in self._windows(piece, valid):
                waiting.append((place, pixels))
                if len(waiting) == self.batch_size:
                    yield self._batch(piece, waiting)
                    waiting = []
            if waiting:
                yield self._batch(piece, waiting)
            yield ReadPiece(piece, valid)

    def _windows(self, piece: Piece, valid: NDArray[np.bool_]) -> Iterator[tuple[tuple[int, int], Pixels]]:
        """The windows of a piece, read one row of windows at a time; fills in `valid` of the piece."""
        rows, cols = self.lattice.rows, self.lattice.cols
        top, _ = rows.span(piece.row)
        left, right = cols.span(piece.col)
        for i in rows.windows(piece.row):
            start, stop = rows.axis.starts[i], rows.end(i)
            pixels, shown = self.source.read(start, left, stop - start, right - left)
            valid[start - top : stop - top] = shown
            for j in cols.windows(piece.col):
                part = slice(cols.axis.starts[j] - left, cols.end(j) - left)
                if shown[:, part].any():
                    yield (
                        (i, j),
                        filled(self.normalization, pixels[:, part], shown[:, part], rows.axis.window, cols.axis.window),
                    )

    def _batch(self, piece: Piece, windows: list[tuple[tuple[int, int], Pixels]]) -> Batch:
        """The windows, padded with zeros to the batch size."""
        height, width, bands = windows[0][1].shape
        pixels = np.zeros((self.batch_size, bands, height, width), windows[0][1].dtype)
        for k, (_, window) in enumerate(windows):
            pixels[k] = window.transpose(2, 0, 1)
        return Batch(piece, tuple(place for place, _ in windows), pixels)


def filled(normalization: Normalization, pixels: Pixels, valid: NDArray[np.bool_], height: int, width: int) -> Pixels:
    """A whole window (height, width, C) of pixels that are no larger.

    What is invalid or missing becomes the mean; a smaller raster is filled up by reflection.
    """
    if pixels.dtype == np.float32:
        pixels = fill_missing(normalization, pixels, valid)
    elif not valid.all():
        pixels = pixels.copy()
        pixels[~valid] = fill_color(normalization, pixels[valid])
    pad = (height - pixels.shape[0], width - pixels.shape[1])
    return np.pad(pixels, ((0, pad[0]), (0, pad[1]), (0, 0)), mode="symmetric") if any(pad) else pixels


def fill_color(normalization: Normalization, shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The colour of invalid pixels (C,): the training mean, which the network sees as 0.

    If each window is stretched by its own range (`scale: minmax`), the mean of its valid pixels `shown` (n, C).
    """
    if normalization.scale == "minmax":
        mean = shown.mean(axis=0, dtype=np.float64)
    else:
        mean = np.array(normalization.mean) * normalization.value_range
    color: NDArray[np.uint8] = np.rint(mean.clip(0, 255)).astype(np.uint8)
    return color


def fill_missing(normalization: Normalization, pixels: Pixels, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Pixels (H, W, C) float32 with the mean of their band wherever one is invalid or not finite.

    The mean is that of the training, which the network sees as 0; with `minmax` that of the band's valid pixels in the
    window, and 0 of a band without any.
    """
    there = np.isfinite(pixels) & valid[..., None]
    if there.all():
        return pixels
    if normalization.scale == "minmax":
        sums = np.where(there, pixels, 0).sum(axis=(0, 1), dtype=np.float64)
        mean = sums / np.maximum(there.sum(axis=(0, 1)), 1)
    else:
        mean = np.array(normalization.mean)
    return np.where(there, pixels, mean.astype(np.float32))


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items, each made in a thread while the one before is in use."""
    iterator = iter(items)
    end = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, iterator, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, iterator, end)
            yield item  # type: ignore[misc]
