"""Ordinary photos as pixels: 8-bit red, green, blue, the way up that a viewer shows them.

One treatment everywhere: EXIF orientation is applied, grey is repeated in three bands, alpha is dropped, palettes are
looked up, CMYK (Adobe's inverted one too) and YCbCr are converted by Pillow. What has more than 8 bits or other bands
is refused: scaling it is a choice that belongs to the user. Of a file with several pages the first is read.

A `View` reads a part of a picture, or reads it smaller, without its full size ever standing in memory as an array.
"""

import hashlib
import io
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from terrazzo.errors import ImageError
from terrazzo.pixels.signatures import BMP, JPEG, PNG, RIFF, TIFF, png_kind, tiff_tags
from terrazzo.pixels.upright import TURNS, ToRgb, orientation_of, png_orientation, swaps_sides, upright_rgb

MAX_PIXELS = 400_000_000

# What Pillow raises on damaged files. SyntaxError is its word for "not of this format"; it warns of damaged metadata,
# which is an error where the caller made warnings errors.
_TROUBLE = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, struct.error),
    *(Image.DecompressionBombError, UserWarning),
)
_LIMIT_LOCK = threading.Lock()
_SURELY_BELOW_PILLOWS_LIMIT = 50_000_000

_PHOTO_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_REMEDY = "save it as 8-bit RGB"


@dataclass(frozen=True)
class View:
    """What is read of a picture: all of it or one half, at 1 / `downsample` of its height and width.

    Laws: a side of n pixels becomes `max(1, floor(n / downsample + 1/2))`; picture and mask, of one size, stay of one
    size; at `downsample` 1 every pixel is the file's.
    """

    half: Literal["left", "right"] | None = None
    downsample: float = 1.0

    def size_of(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the part at full size, of a file of `size` (height, width)."""
        return size if self.half is None else (size[0], size[1] // 2)

    def reduced(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of what is read of a file of `size` (height, width)."""
        height, width = self.size_of(size)
        return _reduced(height, self.downsample), _reduced(width, self.downsample)

    def in_file(self, position: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
        """The file's (row, col) at the centre of the pixel read at `position`; `part` is `size_of` the file's size."""
        row, col = (
            (2 * at + 1) * n // (2 * _reduced(n, self.downsample)) for at, n in zip(position, part, strict=True)
        )
        return row, col + (part[1] if self.half == "right" else 0)


WHOLE = View()


def read_photo(raw: bytes, where: str, view: View = WHOLE) -> NDArray[np.uint8]:
    """The pixels (H, W, 3) of a photo. Raises ImageError, naming `where`, if it is damaged or of another kind.

    A smaller view holds means over areas. Of JPEGs the decoder makes them as far as it can (in 1/2, 1/4 or 1/8).
    """
    if view == WHOLE:
        return np.asarray(open_photo(raw, where))
    height, width = view.reduced(read_size(raw, where))
    image = _part(open_photo(raw, where, draft=1.0 if view.half else view.downsample), view, where)
    if image.width % width == 0 and image.height % height == 0:
        return np.asarray(image.reduce((image.width // width, image.height // height)))  # rounds once, not twice
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))


def sampled(image: Image.Image, view: View, where: str) -> Image.Image:
    """The view of a decoded image whose values may not be mixed: each pixel is the one at its area's centre.

    Where the centre lies between two pixels, it is the lower or right one. Raises ImageError where it has no halves.
    """
    if view == WHOLE:
        return image
    height, width = view.reduced((image.height, image.width))
    return _part(image, view, where).resize((width, height), Image.Resampling.NEAREST)


def open_photo(raw: bytes, where: str, draft: float = 1.0) -> Image.Image:
    """A photo as a decoded RGB image, its orientation applied: for cropping it without a second copy of its pixels.

    A JPEG may come up to `draft` times smaller. Raises ImageError, naming `where`, if it is damaged or of another kind.
    """
    _refuse_deep(raw, where)
    image, orientation = _decoded(raw, where, draft)
    del raw  # a large picture's file may well be freed before its pixels are turned
    if image.mode not in _PHOTO_MODES:
        raise ImageError(f"{where}: its pixels are of the kind {image.mode}; expected 8-bit RGB or grey; {_REMEDY}")
    return upright_rgb(image, orientation, _to_rgb(image))


def read_size(raw: bytes, where: str) -> tuple[int, int]:
    """(height, width) of an image after its EXIF orientation, without decoding its pixels. Raises ImageError."""
    try:
        image = _open(raw, where)
        if raw.startswith(TIFF):
            turned = False  # Pillow turns TIFFs itself
        else:
            turned = swaps_sides(png_orientation(raw) if raw.startswith(PNG) else orientation_of(image))
    except _TROUBLE as error:
        raise ImageError(f"{where}: cannot be read as an image ({_reason(error)}); replace the file") from error
    width, height = image.size
    return (width, height) if turned else (height, width)


def pixel_hash(pixels: NDArray[np.uint8]) -> str:
    """16 hexadecimal digits of the shape and the pixels (BLAKE2b): equal pictures have equal ones."""
    hasher = hashlib.blake2b(str(pixels.shape).encode(), digest_size=8)
    hasher.update(np.ascontiguousarray(pixels).data)
    return hasher.hexdigest()


def decode(raw: bytes, where: str, draft: float = 1.0) -> Image.Image:
    """The decoded image in its file's own mode, EXIF orientation applied. Raises ImageError naming `where`.

    A JPEG may come smaller, both sides divided by 2, 4 or 8, up to `draft`: its decoder then skips most of the work.
    """
    image, orientation = _decoded(raw, where, draft)
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def palette_of(image: Image.Image) -> NDArray[np.uint8]:
    """The colours (256, 3) that the indices of a palette image stand for; indices past its palette are black."""
    colors = np.zeros((256, 3), np.uint8)
    entries = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    colors[: len(entries)] = entries
    return colors


def _open(raw: bytes, where: str) -> ImageFile.ImageFile:
    """The image with its header read and its pixels not yet."""
    if not raw:
        raise ImageError(f"{where}: is empty (0 bytes); replace the file")
    stream = io.BytesIO(raw)
    image: ImageFile.ImageFile
    if raw.startswith(PNG):
        image = PngImagePlugin.PngImageFile(stream)
    elif raw.startswith(JPEG):
        image = JpegImagePlugin.JpegImageFile(stream)
    elif raw.startswith(TIFF):
        tiff_tags(raw, where)
        image = TiffImagePlugin.TiffImageFile(stream)
    elif raw.startswith(RIFF):
        image = WebPImagePlugin.WebPImageFile(stream)
    elif raw.startswith(BMP):
        image = BmpImagePlugin.BmpImageFile(stream)
    else:
        raise ImageError(f"{where}: is not an image that can be read; expected JPEG, PNG, TIFF, BMP or WebP")
    if image.width * image.height > MAX_PIXELS:
        megapixels = image.width * image.height / 1e6
        raise ImageError(f"{where}: has {megapixels:.0f} megapixels; at most {MAX_PIXELS // 10**6} are read; cut it up")
    return image


def _decoded(raw: bytes, where: str, draft: float) -> tuple[Image.Image, int]:
    """The decoded image as it lies in the file, and its EXIF orientation. Raises ImageError naming `where`."""
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
        raise ImageError(f"{where}: is truncated or damaged ({_reason(error)}); replace the file") from error


def _to_rgb(image: Image.Image) -> ToRgb:
    """What makes RGB of any part of the image."""
    if image.mode == "P":
        palette = palette_of(image)
        return lambda piece: Image.fromarray(palette[np.asarray(piece)])
    return lambda piece: piece if piece.mode == "RGB" else piece.convert("RGB")


def _draft(image: ImageFile.ImageFile, most: float) -> None:
    """Have a JPEG decoded smaller, by a power of two up to `most` that divides both sides, so that no pixel is cut."""
    step = max(s for s in (1, 2, 4, 8) if s <= most and image.width % s == 0 and image.height % s == 0)
    image.draft(None, (image.width // step, image.height // step))  # of other formats Pillow leaves it as it is


def _part(image: Image.Image, view: View, where: str) -> Image.Image:
    if view.half is None:
        return image
    if image.width % 2:
        raise ImageError(f"{where}: is {image.width} pixels wide; expected two halves of one width side by side")
    middle = image.width // 2
    left, right = (0, middle) if view.half == "left" else (middle, image.width)
    return image.crop((left, 0, right, image.height))


def _reduced(side: int, downsample: float) -> int:
    return max(1, int(side / downsample + 0.5))


@contextmanager
def _own_limit(n_pixels: int) -> Iterator[None]:
    """Lift Pillow's limit while one large image loads: its TIFF reader asks for it again. Other large ones wait."""
    if n_pixels <= _SURELY_BELOW_PILLOWS_LIMIT:
        yield
        return
    with _LIMIT_LOCK:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _refuse_deep(raw: bytes, where: str) -> None:
    """Raise ImageError for photos with more than 8 bits or other bands, which Pillow would cut down silently."""
    if (png_kind(raw) or (8, 0))[0] == 16:
        raise ImageError(f"{where}: is a 16-bit image; expected 8 bits a band; {_REMEDY}")
    tags = tiff_tags(raw, where)
    if tags is None:
        return
    bits, kind = max(tags.get(258, (1,))), max(tags.get(339, (1,)))
    if kind == 3:
        raise ImageError(f"{where}: is a floating-point image; expected 8-bit whole numbers; {_REMEDY}")
    if bits > 8:
        raise ImageError(f"{where}: is a {bits}-bit image; expected 8 bits a band; {_REMEDY}")
    bands, extra, photometric = tags.get(277, (1,))[0], tags.get(338, ()), tags.get(262, (1,))[0]
    has_alpha = len(extra) == 1 and extra[0] in (1, 2)
    plain = 4 if photometric == 5 else 1 if photometric in (0, 1, 3) else 3
    if bands != plain + has_alpha:
        raise ImageError(f"{where}: has {bands} bands; expected red, green and blue (or one of grey); {_REMEDY}")


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
