"""From an image of any size to its class probabilities, in finished rectangles and bounded memory.

A model trained on patches sees overlapping windows, which `blend` joins. A model trained on whole images resized to one
patch (`--fit resize`) sees the whole image, and its probabilities are resampled to the image's size. So are those of a
model trained on smaller images (`--downsample`), which sees the windows of a smaller image.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.errors import InputError
from terrazzo.model.header import Header
from terrazzo.model.predictor import STRIDE, Classify, Halving, Predictor
from terrazzo.model.windows.blend import Axis, Blender, Block, cover
from terrazzo.model.windows.enlarging import enlarge
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.pixels.image_view import ImageView

DEFAULT_WINDOW = 512


class Picture(Protocol):
    """An image that is read piece by piece."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""

    def read(self, row: int, col: int, height: int, width: int) -> Pixels:
        """The pixels (height, width, C) from (row, col); the rectangle lies inside the image."""

    def resized(self, height: int, width: int, how: Image.Resampling) -> Pixels:
        """The whole image as (height, width, C)."""


@dataclass(frozen=True)
class ArrayPicture:
    """An array (H, W, C) as a picture."""

    pixels: Pixels

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def read(self, row: int, col: int, height: int, width: int) -> Pixels:
        """The pixels (height, width, C) from (row, col)."""
        return self.pixels[row : row + height, col : col + width]

    def resized(self, height: int, width: int, how: Image.Resampling) -> Pixels:
        """The whole image as (height, width, C), band by band."""
        bands = (Image.fromarray(np.ascontiguousarray(band)) for band in np.moveaxis(self.pixels, 2, 0))
        return np.dstack([np.asarray(band.resize((width, height), how)) for band in bands])


@dataclass(frozen=True)
class Tiling:
    """How a model sees images; `plan` makes one that suits it."""

    window: int
    """The side of a window in pixels; of the resized image if `whole`."""
    overlap: int
    """The least number of pixels that neighbouring windows share."""
    least: int
    """The patch size of the model; smaller images are filled up to it by reflection."""
    whole: bool = False
    """Whether the image is seen whole, resized to one window."""
    batch_size: int | None = None
    """Windows at a time; None: as suits their size and the device."""
    downsample: float = 1.0
    """The image is seen at 1 / this of its height and width; window and overlap are in pixels of that."""

    def axes(self, height: int, width: int) -> tuple[Axis, Axis]:
        """The windows of an image as seen, along its rows and its columns, no larger than needed."""
        return self._axis(height), self._axis(width)

    def n_windows(self, height: int, width: int) -> int:
        """How many windows an image takes."""
        if self.whole:
            return 1
        rows, cols = self.axes(*ImageView(downsample=self.downsample).reduced((height, width)))
        return len(rows.starts) * len(cols.starts)

    def _axis(self, length: int) -> Axis:
        needed = max(self.least, _ceil_to_stride(length))
        window = min(self.window, needed)
        return cover(length, window, min(self.overlap, window // 2))


def plan(
    header: Header, window: int | None = None, overlap: int | None = None, batch_size: int | str | None = None
) -> Tiling:
    """How a model sees images. Raises InputError naming the flag of a wrong window, overlap or batch size.

    By default a window is the patch size or 512 px, whichever is larger, and the overlap is an eighth of it. If each
    window is stretched by its own range (`scale: minmax`), it is the patch size, as in training.
    """
    count = _batch_size(batch_size)
    if header.fit == "resize":
        if window is not None or overlap is not None:
            raise InputError(
                f"--{'overlap' if window is None else 'window'}: this model sees whole images resized to "
                f"{header.patch_size} px (--fit resize), not windows; leave it out"
            )
        return Tiling(header.patch_size, 0, header.patch_size, True, count, header.downsample)
    if window is None:
        window = default_window(header.patch_size, header.fit, header.normalization.scale)
    elif not STRIDE <= window <= 8192:
        raise InputError(f"--window {window}: expected {STRIDE} to 8192 pixels")
    elif window % STRIDE and window != header.patch_size:
        below = window // STRIDE * STRIDE
        raise InputError(f"--window {window}: expected a multiple of {STRIDE}, as {below} or {below + STRIDE}")
    if overlap is None:
        overlap = window // 8
    elif not 0 <= overlap <= window // 2:
        raise InputError(f"--overlap {overlap}: expected 0 to half the window, {window // 2} pixels")
    return Tiling(window, overlap, min(window, header.patch_size), False, count, header.downsample)


def default_window(patch_size: int, fit: str, scale: str) -> int:
    """The side of a window in pixels if none is asked for."""
    if fit == "resize" or scale == "minmax":
        return patch_size
    return _ceil_to_stride(max(patch_size, DEFAULT_WINDOW))


def _batch_size(word: int | str | None) -> int | None:
    """Windows at a time; None for `auto`. Raises InputError naming the flag."""
    if word is None or word == "auto":
        return None
    if not str(word).strip().isdecimal() or int(word) < 1:
        raise InputError(f"--batch-size {word}: expected at least 1, or auto")
    return int(word)


def blocks(classify: Classify, picture: Picture, tiling: Tiling, batch_size: int = 1) -> Iterator[Block]:
    """The map of a picture in finished rectangles, row-major, without gap or overlap.

    Law: once a block is returned, its pixels are not read again, so that the caller may overwrite them. `batch_size`
    is used if the tiling has none; the map does not depend on it.
    """
    size = picture.size
    if tiling.downsample > 1:
        smaller = ImageView(downsample=tiling.downsample).reduced(size)
        seen = ArrayPicture(picture.resized(*smaller, Image.Resampling.BOX))  # as `prepare --downsample` reads it
        parts = blocks(classify, seen, replace(tiling, downsample=1.0), batch_size)
        yield from enlarge(parts, smaller, size)
        return
    if tiling.whole:
        side = tiling.window
        probs = classify(_batch([picture.resized(side, side, Image.Resampling.BILINEAR)]))[0]
        yield from enlarge([Block(0, 0, probs)], (side, side), size)
        return
    rows, cols = tiling.axes(*size)
    windows = (_window(picture, rows, cols, row, col) for row in rows.starts for col in cols.starts)
    blender: Blender | None = None
    while pixels := list(islice(windows, tiling.batch_size or batch_size)):
        for probs in classify(_batch(pixels)):
            blender = blender or Blender(rows, cols, len(probs))
            yield blender.add(probs)


def window_batch(model: Predictor, tiling: Tiling) -> int:
    """How many windows to classify at a time: the pixels that the model computes best together."""
    return max(1, model.batch_pixels // tiling.window**2)


def predict_array(model: Predictor, image: Pixels) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Class ids (H, W) and probabilities (K, H, W) of one image (H, W, C) of any size from 1 px.

    Raises InputError unless it is an array of pixels with the model's bands last: 8-bit ones, or numbers of any type
    for a model of deeper values.
    """
    image = np.asarray(image)
    bands, deep = model.header.bands, model.header.normalization.deep
    right = image.dtype.kind in "uif" if deep else image.dtype == np.uint8
    if image.ndim != 3 or image.shape[2] != bands or 0 in image.shape or not right:
        expected = f"numbers as {model.header.normalization.dtype}" if deep else "uint8"
        raise InputError(f"an array {image.shape} of {image.dtype}; expected {expected} (height, width, {bands})")
    image = image.astype(np.float32) if deep else image
    height, width = image.shape[:2]
    ids = np.empty((height, width), np.uint8)
    probs = np.empty((model.header.schema.n_classes, height, width), np.float32)
    tiling = plan(model.header)
    for block in blocks(Halving(model).classify, ArrayPicture(image), tiling, window_batch(model, tiling)):
        ids[block.place] = block.ids
        probs[:, *block.place] = block.probs
    return ids, probs


def _window(picture: Picture, rows: Axis, cols: Axis, row: int, col: int) -> Pixels:
    """The pixels of one window, filled up by reflection if the image is smaller."""
    height, width = picture.size
    pixels = picture.read(row, col, min(rows.window, height), min(cols.window, width))
    pad = (rows.window - pixels.shape[0], cols.window - pixels.shape[1])
    return np.pad(pixels, ((0, pad[0]), (0, pad[1]), (0, 0)), mode="symmetric") if any(pad) else pixels


def _batch(pixels: list[Pixels]) -> Pixels:
    """Windows (H, W, C) as one batch (B, C, H, W), bands innermost in memory."""
    return np.stack(pixels).transpose(0, 3, 1, 2)


def _ceil_to_stride(length: int) -> int:
    return -(-length // STRIDE) * STRIDE
