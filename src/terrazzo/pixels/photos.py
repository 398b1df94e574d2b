"""Ordinary photos as pixels: 8-bit red, green and blue, upright as a viewer shows them.

All photos are treated alike. EXIF orientation is applied, grey is repeated in three bands, alpha is dropped and
palettes are looked up. Pillow converts CMYK, Adobe's inverted one too, and YCbCr. More than 8 bits or other bands are
refused, because the user must choose how to scale them. Of a file with several pages, the first is read.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.errors import ImageError
from terrazzo.pixels.image_files import decode_unturned, palette_of, read_size
from terrazzo.pixels.image_view import WHOLE, ImageView, half_of
from terrazzo.pixels.signatures import png_kind, tiff_tags
from terrazzo.pixels.upright import ToRgb, upright_rgb

_PHOTO_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_REMEDY = "save it as 8-bit RGB"


def read_photo(raw: bytes, where: str, view: ImageView = WHOLE) -> NDArray[np.uint8]:
    """The pixels (H, W, 3) of a photo. Raises ImageError, naming `where`, if it is damaged or of another kind.

    A smaller view holds means over areas. For JPEGs, the decoder itself reduces as far as it can (to 1/2, 1/4 or 1/8).
    A larger view is interpolated (bilinear).
    """
    if view == WHOLE:
        return np.asarray(open_photo(raw, where))
    height, width = view.reduced(read_size(raw, where))
    image = half_of(open_photo(raw, where, draft=1.0 if view.half else view.downsample), view, where)
    if image.width % width == 0 and image.height % height == 0:
        return np.asarray(image.reduce((image.width // width, image.height // height)))  # rounds once, not twice
    method = Image.Resampling.BOX if view.downsample >= 1 else Image.Resampling.BILINEAR
    return np.asarray(image.resize((width, height), method))


def open_photo(raw: bytes, where: str, draft: float = 1.0) -> Image.Image:
    """A photo as an upright RGB image, which can be cropped without a second copy of its pixels.

    A JPEG may come up to `draft` times smaller. Raises ImageError, naming `where`, if it is damaged or of another kind.
    """
    _refuse_deep(raw, where)
    image, orientation = decode_unturned(raw, where, draft)
    del raw  # so that a large file is freed before its pixels are turned
    if image.mode not in _PHOTO_MODES:
        raise ImageError(f"{where}: its pixels have the mode {image.mode}; expected 8-bit RGB or grey; {_REMEDY}")
    return upright_rgb(image, orientation, _to_rgb(image))


def pixel_hash(pixels: NDArray[np.uint8]) -> str:
    """A hash of shape and pixels, equal for equal pictures: 16 hexadecimal digits (BLAKE2b)."""
    hasher = hashlib.blake2b(str(pixels.shape).encode(), digest_size=8)
    hasher.update(np.ascontiguousarray(pixels).data)
    return hasher.hexdigest()


def is_plain(pixels: NDArray[np.uint8]) -> bool:
    """Whether all pixels (H, W, C) are of one colour; such pictures show no place."""
    first = pixels[0, 0]
    return bool((pixels[0] == first).all() and (pixels == first).all())


def _to_rgb(image: Image.Image) -> ToRgb:
    """A function that converts any part of the image to RGB."""
    if image.mode == "P":
        palette = palette_of(image)
        return lambda piece: Image.fromarray(palette[np.asarray(piece)])
    return lambda piece: piece if piece.mode == "RGB" else piece.convert("RGB")


def _refuse_deep(raw: bytes, where: str) -> None:
    """Raise ImageError for photos with more than 8 bits or other bands, which Pillow would reduce silently."""
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
