"""Pictures put upright, as a viewer shows them: their EXIF orientation, and turning without a second copy in memory.

Laws: the orientation read from a file is that of its decoded image, though no pixel is decoded. `upright_rgb` gives
what converting and transposing the whole image would give. Beside one full image it holds only strips in memory.
"""

import io
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from PIL import Image, PngImagePlugin

from terrazzo.errors import InputError
from terrazzo.pixels.signatures import PNG

TURNS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The turn that puts a picture upright, by EXIF orientation; 1 and unknown values need none."""

_SIDEWAYS = (5, 6, 7, 8)
_FROM_THE_END = (3, 4, 6, 7)  # the file's last rows come first in the upright picture
_TAG = 0x0112
_PNG_REMARKS = (b"IHDR", b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # text chunks may carry EXIF or XMP

ToRgb = Callable[[Image.Image], Image.Image]

_LARGE = 32_000_000  # pixels; below, a second copy takes at most 128 MB and is faster than a file
_STRIP = 4_000_000


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1..8, of an image; for a PNG that is not decoded yet, use `png_orientation`."""
    return int(image.getexif().get(_TAG, 1))


def png_orientation(raw: bytes) -> int:
    """The EXIF orientation, 1..8, of a PNG, wherever it stands in the file.

    Pillow decodes the whole picture if the eXIf chunk comes after the pixels, so it gets the file without them.
    """
    kept = [PNG]
    kept += [raw[start:end] for start, end in pairwise(_png_chunks(raw)) if raw[start + 4 : start + 8] in _PNG_REMARKS]
    kept.append(b"\0\0\0\0IDAT\0\0\0\0")
    image = PngImagePlugin.PngImageFile(io.BytesIO(b"".join(kept)))
    return int(Image.Image.getexif(image).get(_TAG, 1))


def swaps_sides(orientation: int) -> bool:
    """Whether height and width are exchanged when a picture of this orientation is put upright."""
    return orientation in _SIDEWAYS


def upright_rgb(image: Image.Image, orientation: int, to_rgb: ToRgb) -> Image.Image:
    """The decoded image, upright and in RGB; the given image is closed or returned.

    `to_rgb` converts any strip of it. Two large images do not fit into the memory that `predict` promises, so a large
    one passes through a temporary file (3 bytes a pixel). Raises InputError if that cannot be written.
    """
    turn = TURNS.get(orientation)
    if image.mode == "RGB" and turn is None:
        return image
    if image.width * image.height <= _LARGE:
        rgb = to_rgb(image)
        return rgb if turn is None else rgb.transpose(turn)
    try:
        return _through_a_file(image, orientation, to_rgb)
    except OSError as error:
        raise InputError(
            f"{Path(tempfile.gettempdir())}: has no room for {3 * image.width * image.height / 1e9:.1f} GB of pixels "
            f"while a large picture is turned or converted ({error.strerror or error}); set TMPDIR to another folder"
        ) from error


def _through_a_file(image: Image.Image, orientation: int, to_rgb: ToRgb) -> Image.Image:
    width, height = image.size
    turn = TURNS.get(orientation)
    rows = max(1, _STRIP // width)
    with tempfile.TemporaryFile() as spilled:
        sizes = []
        for top in range(0, height, rows):
            strip = to_rgb(image.crop((0, top, width, min(top + rows, height))))
            strip = strip if turn is None else strip.transpose(turn)
            spilled.write(strip.tobytes())
            sizes.append(strip.size)
        image.close()  # frees its pixels
        spilled.seek(0)
        result = Image.new("RGB", (height, width) if swaps_sides(orientation) else (width, height))
        for size, place in zip(sizes, _places(sizes, orientation), strict=True):
            result.paste(Image.frombytes("RGB", size, spilled.read(3 * size[0] * size[1])), place)
    return result


def _places(sizes: list[tuple[int, int]], orientation: int) -> Iterator[tuple[int, int]]:
    """The left and upper edge in the upright picture of each turned strip (width, height)."""
    across = swaps_sides(orientation)
    lengths = [size[0] if across else size[1] for size in sizes]
    at = sum(lengths) if orientation in _FROM_THE_END else 0
    for length in lengths:
        if orientation in _FROM_THE_END:
            at -= length
        yield (at, 0) if across else (0, at)
        if orientation not in _FROM_THE_END:
            at += length


def _png_chunks(raw: bytes) -> Iterator[int]:
    """The offset of each chunk, and of the end of the last complete one."""
    at = len(PNG)
    while at + 12 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, at)
        if at + 12 + length > len(raw):
            break
        yield at
        at += 12 + length
    yield at
