"""Alpha bands that are none: GDAL calls the fourth band of 8-bit files alpha, near infrared too."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.errors import ImageError
from terrazzo.pixels.image_files import decode_unturned
from terrazzo.pixels.signatures import TIFF, tiff_tags

_SHARE, _VALUES = 0.1, 8
_SAMPLES = 277


def is_no_alpha(values: NDArray[np.generic], most: float) -> bool:
    """Whether the values of a band called alpha are those of an image.

    A mask is 0 or `most` nearly everywhere. A tenth of other values, and eight different ones, make a band suspect.
    """
    between = values[(values != 0) & (values != most)]
    return between.size >= _SHARE * values.size and len(np.unique(between)) >= _VALUES


def doubtful_alpha(raw: bytes, where: str) -> str | None:
    """A warning that the fourth band of a TIFF picture looks like an image's; None if it has none, or a mask.

    Pictures are red, green and blue, so the band is left out; rasters given apart from their labels keep it.
    """
    try:
        if not raw.startswith(TIFF) or (tiff_tags(raw, where) or {}).get(_SAMPLES, (1,))[0] != 4:
            return None
        image, _ = decode_unturned(raw, where)
    except ImageError:
        return None  # whoever reads it says so
    if image.mode not in ("RGBA", "RGBa", "RGBX"):
        return None
    values = np.asarray(image.getchannel(3).resize(_small(image), Image.Resampling.NEAREST))
    if not is_no_alpha(values, 255):
        return None
    return (
        f"warning: {where}: band 4 is called alpha but holds {len(np.unique(values))} values, as near infrared does; "
        "pictures are read without it: give rasters and labels apart, as in prepare IMAGES LABELS --bands 1,2,3,4"
    )


def _small(image: Image.Image) -> tuple[int, int]:
    return min(image.width, 512), min(image.height, 512)
