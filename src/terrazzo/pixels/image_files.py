"""Image files, decoded in their own mode, with their damage found and their EXIF orientation known.

Pillow's plugins are called by their classes. `Image.open` tries dozens of formats, and its limit on the size of images
is global to the process. The limit here is `MAX_PIXELS`.
"""

import io
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from terrazzo.errors import ImageError
from terrazzo.pixels.signatures import BMP, JPEG, PNG, RIFF, TIFF, tiff_tags
from terrazzo.pixels.upright import TURNS, orientation_of, png_orientation, swaps_sides
from terrazzo.system.reporting import first_line

MAX_PIXELS = 400_000_000

# What Pillow raises on damaged files. SyntaxError means "not of this format". It warns of damaged metadata, which is an
# error where the caller turned warnings into errors.
_TROUBLE = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, struct.error),
    *(Image.DecompressionBombError, UserWarning),
)
_PLUGINS: tuple[tuple[bytes | tuple[bytes, ...], type[ImageFile.ImageFile]], ...] = (
    (PNG, PngImagePlugin.PngImageFile),
    (JPEG, JpegImagePlugin.JpegImageFile),
    (TIFF, TiffImagePlugin.TiffImageFile),
    (RIFF, WebPImagePlugin.WebPImageFile),
    (BMP, BmpImagePlugin.BmpImageFile),
)
_LIMIT_LOCK = threading.Lock()
_SURELY_BELOW_PILLOWS_LIMIT = 50_000_000


@dataclass(frozen=True)
class Header:
    """What is known of an image before its pixels are decoded."""

    size: tuple[int, int]
    """(height, width) of the image put upright."""
    turned: bool
    """Whether EXIF turns or mirrors it; Pillow turns TIFFs itself."""


def read_header(raw: bytes, where: str) -> Header:
    """Size and turn of an image, read without decoding its pixels. Raises ImageError."""
    try:
        image = _open(raw, where)
        if raw.startswith(TIFF):
            orientation = 1
        else:
            orientation = png_orientation(raw) if raw.startswith(PNG) else orientation_of(image)
    except _TROUBLE as error:
        raise ImageError(f"{where}: cannot be read as an image ({first_line(error)}); replace the file") from error
    width, height = image.size
    return Header((width, height) if swaps_sides(orientation) else (height, width), orientation in TURNS)


def read_size(raw: bytes, where: str) -> tuple[int, int]:
    """(height, width) of an image put upright, read without decoding its pixels. Raises ImageError."""
    return read_header(raw, where).size


def decode(raw: bytes, where: str) -> Image.Image:
    """The decoded image in its file's own mode, put upright. Raises ImageError naming `where`."""
    image, orientation = decode_unturned(raw, where)
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def decode_unturned(raw: bytes, where: str, draft: float = 1.0) -> tuple[Image.Image, int]:
    """The decoded image as it lies in the file, and its EXIF orientation. Raises ImageError naming `where`.

    A JPEG may come with both sides divided by 2, 4 or 8, up to `draft`: its decoder then skips most of the work.
    """
    try:
        image = _open(raw, where)
        if draft > 1:
            _draft(image, draft)
        with _own_limit(image.width * image.height):
            image.load()
        if raw.startswith(PNG):
            # Decoding stops at the last pixel and skips checksums: a flipped bit in a mask would pass as other classes.
            PngImagePlugin.PngImageFile(io.BytesIO(raw)).verify()
        return image, 1 if raw.startswith(TIFF) else orientation_of(image)  # Pillow turns TIFFs itself
    except _TROUBLE as error:
        raise ImageError(f"{where}: is truncated or damaged ({first_line(error)}); replace the file") from error


def palette_of(image: Image.Image) -> NDArray[np.uint8]:
    """The colours (256, 3) that the indices of a palette image stand for; indices past its palette are black."""
    colors = np.zeros((256, 3), np.uint8)
    entries = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    colors[: len(entries)] = entries
    return colors


def _open(raw: bytes, where: str) -> ImageFile.ImageFile:
    """The image with its header read, but not its pixels."""
    if not raw:
        raise ImageError(f"{where}: is empty (0 bytes); replace the file")
    tiff_tags(raw, where)  # refuses a TIFF that is cut short, of which Pillow only warns
    plugin = next((plugin for start, plugin in _PLUGINS if raw.startswith(start)), None)
    if plugin is None:
        raise ImageError(f"{where}: is not an image that can be read; expected JPEG, PNG, TIFF, BMP or WebP")
    image = plugin(io.BytesIO(raw))
    if image.width * image.height > MAX_PIXELS:
        megapixels = image.width * image.height / 1e6
        raise ImageError(f"{where}: has {megapixels:.0f} megapixels; at most {MAX_PIXELS // 10**6} are read; cut it up")
    return image


def _draft(image: ImageFile.ImageFile, most: float) -> None:
    """Let a JPEG be decoded smaller, by the greatest power of two up to `most` that divides both sides."""
    step = max(s for s in (1, 2, 4, 8) if s <= most and image.width % s == 0 and image.height % s == 0)
    image.draft(None, (image.width // step, image.height // step))  # no effect on other formats


@contextmanager
def _own_limit(n_pixels: int) -> Iterator[None]:
    """Lift Pillow's limit while one large image loads, as its TIFF reader checks it again. Other large ones wait."""
    if n_pixels <= _SURELY_BELOW_PILLOWS_LIMIT:
        yield
        return
    with _LIMIT_LOCK:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
