"""Pictures turned the way a viewer shows them: what a file says of it, and turning without a second copy in memory.

Laws: `orientation` of a file is that of its decoded image, though it decodes no pixel; `upright_rgb` gives what
converting and transposing the whole image would give, and beside one image of full size holds strips only.
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
"""What puts a picture upright, by its EXIF orientation; 1 and unknown ones are upright."""

_SIDEWAYS = (5, 6, 7, 8)
_FROM_THE_END = (3, 4, 6, 7)  # the file's last rows come first in the upright picture
_TAG = 0x0112
_PNG_REMARKS = (b"IHDR", b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # the text ones may carry EXIF or XMP

ToRgb = Callable[[Image.Image], Image.Image]

_LARGE = 32_000_000  # pixels; below, a second copy is at most 128 MB and quicker than a file
_STRIP = 4_000_000


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1..8, of an image; of a PNG that is not decoded yet ask `png_orientation`."""
    return int(image.getexif().get(_TAG, 1))


def png_orientation(raw: bytes) -> int:
    """The EXIF orientation, 1..8, of a PNG, wherever in the file it stands. Its pixels are stepped over.

    Pillow decodes the whole picture where the eXIf chunk does not come first, so it is given the file without pixels.
    """
    kept = [PNG]
    kept += [raw[start:end] for start, end in pairwise(_png_chunks(raw)) if raw[start + 4 : start + 8] in _PNG_REMARKS]
    kept.append(b"\0\0\0\0IDAT\0\0\0\0")
    image = PngImagePlugin.PngImageFile(io.BytesIO(b"".join(kept)))
    return int(Image.Image.getexif(image).get(_TAG, 1))


def swaps_sides(orientation: int) -> bool:
    """Whether height and width change places when a picture of this orientation is put upright."""
    return orientation in _SIDEWAYS


def upright_rgb(image: Image.Image, orientation: int, to_rgb: ToRgb) -> Image.Image:
    """The decoded image as RGB and upright; the given one is used up.

    `to_rgb` converts any strip of it. Of large images two do not fit into the memory that `predict` promises: they
    pass through a temporary file (3 bytes a pixel). Raises InputError where that cannot be written.
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
    """Where turned strips (width, height) belong in the upright picture: the left and upper edge of each."""
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
    """Where each chunk begins, and where the last whole one ends."""
    at = len(PNG)
    while at + 12 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, at)
        if at + 12 + length > len(raw):
            break
        yield at
        at += 12 + length
    yield at
