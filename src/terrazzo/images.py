"""Ordinary photos as pixels: 8-bit red, green, blue, the way up that a viewer shows them.

One treatment everywhere: EXIF orientation is applied, grey is repeated in three bands, alpha is dropped, palettes are
looked up, CMYK (Adobe's inverted one too) and YCbCr are converted by Pillow. What has more than 8 bits or other bands
is refused: scaling it is a choice that belongs to the user. Of a file with several pages the first is read.
"""

import hashlib
import io
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from terrazzo.errors import ImageError

MAX_PIXELS = 400_000_000

# The plugins are called by their classes: Image.open tries dozens of formats, and warns of large images (or refuses
# them) by a limit that is global to the process. The limit here is MAX_PIXELS.
_PNG, _BMP, _JPEG, _RIFF = b"\x89PNG\r\n\x1a\n", b"BM", b"\xff\xd8\xff", b"RIFF"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# What Pillow raises on damaged files. SyntaxError is its word for "not of this format"; it warns of damaged metadata,
# which is an error where the caller made warnings errors.
_TROUBLE = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, struct.error),
    *(Image.DecompressionBombError, UserWarning),
)
_LIMIT_LOCK = threading.Lock()
_SURELY_BELOW_PILLOWS_LIMIT = 50_000_000

_PHOTO_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_TURNS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_REMEDY = "save it as 8-bit RGB"


def read_photo(raw: bytes, where: str) -> NDArray[np.uint8]:
    """The pixels (H, W, 3) of a photo. Raises ImageError, naming `where`, if it is damaged or of another kind."""
    return np.asarray(open_photo(raw, where))


def open_photo(raw: bytes, where: str) -> Image.Image:
    """A photo as a decoded RGB image, its orientation applied: for cropping it without a second copy of its pixels.

    Raises ImageError, naming `where`, if it is damaged or of another kind.
    """
    _refuse_deep(raw, where)
    image = decode(raw, where)
    if image.mode not in _PHOTO_MODES:
        raise ImageError(f"{where}: its pixels are of the kind {image.mode}; expected 8-bit RGB or grey; {_REMEDY}")
    if image.mode == "P":
        return Image.fromarray(palette_of(image)[np.asarray(image)])
    return image if image.mode == "RGB" else image.convert("RGB")


def read_size(raw: bytes, where: str) -> tuple[int, int]:
    """(height, width) of an image after its EXIF orientation, without decoding its pixels. Raises ImageError."""
    try:
        image = _open(raw, where)
        turned = not raw.startswith(_TIFF) and image.getexif().get(_ORIENTATION, 1) >= 5
    except _TROUBLE as error:
        raise ImageError(f"{where}: cannot be read as an image ({_reason(error)}); replace the file") from error
    width, height = image.size
    return (width, height) if turned else (height, width)


def pixel_hash(pixels: NDArray[np.uint8]) -> str:
    """16 hexadecimal digits of the shape and the pixels (BLAKE2b): equal pictures have equal ones."""
    hasher = hashlib.blake2b(str(pixels.shape).encode(), digest_size=8)
    hasher.update(np.ascontiguousarray(pixels).data)
    return hasher.hexdigest()


def decode(raw: bytes, where: str) -> Image.Image:
    """The decoded image in its file's own mode, EXIF orientation applied. Raises ImageError naming `where`."""
    try:
        image = _open(raw, where)
        with _own_limit(image.width * image.height):
            image.load()
        if raw.startswith(_PNG):
            # Decoding stops at the last pixel and skips checksums: a flipped bit in a mask would pass as other classes.
            PngImagePlugin.PngImageFile(io.BytesIO(raw)).verify()
        if raw.startswith(_TIFF):
            return image  # Pillow turns TIFFs itself
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
        return image if turn is None else image.transpose(turn)
    except _TROUBLE as error:
        raise ImageError(f"{where}: is truncated or damaged ({_reason(error)}); replace the file") from error


def palette_of(image: Image.Image) -> NDArray[np.uint8]:
    """The colours (256, 3) that the indices of a palette image stand for; indices past its palette are black."""
    colors = np.zeros((256, 3), np.uint8)
    entries = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    colors[: len(entries)] = entries
    return colors


def png_depth(raw: bytes) -> tuple[int, bool] | None:
    """(bits a channel, whether it is grey) as a PNG's header says; None for other formats."""
    return (raw[24], raw[25] == 0) if raw.startswith(_PNG) and len(raw) > 25 else None


def tiff_tags(raw: bytes, where: str) -> dict[int, tuple[int, ...]] | None:
    """The whole-number tags of a TIFF's first page; None for other formats. Raises ImageError where it is cut short."""
    if not raw.startswith(_TIFF):
        return None
    order = "<" if raw[:1] == b"I" else ">"
    big = raw[2:4] in (b"+\0", b"\0+")
    count_code, offset_code, entry_size, first_at = ("Q", "Q", 20, 8) if big else ("H", "I", 12, 4)
    whole = {1: "B", 3: "H", 4: "I", 16: "Q"}
    tags: dict[int, tuple[int, ...]] = {}
    try:
        (start,) = struct.unpack_from(order + offset_code, raw, first_at)
        (n_entries,) = struct.unpack_from(order + count_code, raw, start)
        start += struct.calcsize(count_code)
        for entry in range(start, start + n_entries * entry_size, entry_size):
            tag, kind, n_values = struct.unpack_from(order + "HH" + offset_code, raw, entry)
            if kind not in whole or n_values > 64:
                continue
            values = f"{order}{n_values}{whole[kind]}"
            at = entry + 4 + struct.calcsize(offset_code)
            if struct.calcsize(values) > struct.calcsize(offset_code):
                (at,) = struct.unpack_from(order + offset_code, raw, at)
            tags[tag] = struct.unpack_from(values, raw, at)
    except (struct.error, OverflowError) as error:
        raise ImageError(f"{where}: is truncated or damaged (the TIFF header ends early); replace the file") from error
    return tags


def _open(raw: bytes, where: str) -> ImageFile.ImageFile:
    """The image with its header read and its pixels not yet."""
    if not raw:
        raise ImageError(f"{where}: is empty (0 bytes); replace the file")
    stream = io.BytesIO(raw)
    image: ImageFile.ImageFile
    if raw.startswith(_PNG):
        image = PngImagePlugin.PngImageFile(stream)
    elif raw.startswith(_JPEG):
        image = JpegImagePlugin.JpegImageFile(stream)
    elif raw.startswith(_TIFF):
        tiff_tags(raw, where)
        image = TiffImagePlugin.TiffImageFile(stream)
    elif raw.startswith(_RIFF):
        image = WebPImagePlugin.WebPImageFile(stream)
    elif raw.startswith(_BMP):
        image = BmpImagePlugin.BmpImageFile(stream)
    else:
        raise ImageError(f"{where}: is not an image that can be read; expected JPEG, PNG, TIFF, BMP or WebP")
    if image.width * image.height > MAX_PIXELS:
        megapixels = image.width * image.height / 1e6
        raise ImageError(f"{where}: has {megapixels:.0f} megapixels; at most {MAX_PIXELS // 10**6} are read; cut it up")
    return image


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
    depth = png_depth(raw)
    if depth and depth[0] == 16:
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
