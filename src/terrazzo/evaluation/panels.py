"""Pictures of a patch: the image, class maps in the colours of the classes, and the errors of a prediction."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.classes.drawing import IGNORED_COLORS, class_picture, stripes
from terrazzo.classes.schema import IGNORE, ClassSchema

ERROR_COLOR = (225, 38, 48)
"""Wrong pixels in the errors panel."""


@dataclass(frozen=True)
class Panels:
    """Four encoded pictures of a patch: image and errors as JPEG, truth and prediction as paletted PNG."""

    image: bytes
    truth: bytes
    prediction: bytes
    errors: bytes


def compare(
    image: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    schema: ClassSchema,
    max_px: int = 512,
) -> Panels:
    """The four panels of a patch: image (H, W, C), truth and predicted ids (H, W); at most `max_px` a side.

    Errors are red over the darkened grey image. Ignored pixels are striped in truth and errors. Of more than three
    bands the first three are shown, of two bands the first.
    """
    return Panels(
        image=_jpeg(shown_bands(image), max_px),
        truth=_class_png(truth, schema, max_px),
        prediction=_class_png(predicted, schema, max_px),
        errors=_jpeg(error_map(image, truth, predicted), max_px),
    )


def shown_bands(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bands to show of an image (H, W, C), as (H, W, 3): the first three, or the first as grey."""
    return image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, axis=2)


def error_map(image: NDArray[np.uint8], truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The errors of a prediction, (H, W, 3): wrong pixels red, right ones dark grey, ignored ones striped."""
    grey = shown_bands(image).mean(axis=2, keepdims=True)
    canvas = np.repeat(20 + 0.45 * grey, 3, axis=2)
    wrong = truth != predicted
    canvas[wrong] = 0.7 * np.array(ERROR_COLOR) + 0.3 * canvas[wrong]
    ignored = truth == IGNORE
    canvas[ignored] = np.array(IGNORED_COLORS)[stripes(truth.shape)][ignored]
    return canvas.round().astype(np.uint8)


def _class_png(ids: NDArray[np.uint8], schema: ClassSchema, max_px: int) -> bytes:
    picture = _shrink(Image.fromarray(class_picture(ids, schema)), max_px, Image.Resampling.NEAREST)
    stream = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _jpeg(rgb: NDArray[np.uint8], max_px: int) -> bytes:
    stream = io.BytesIO()
    picture = _shrink(Image.fromarray(np.ascontiguousarray(rgb)), max_px, Image.Resampling.BOX)
    picture.save(stream, "JPEG", quality=88, subsampling=0)
    return stream.getvalue()


def _shrink(picture: Image.Image, max_px: int, resampling: Image.Resampling) -> Image.Image:
    factor = max_px / max(picture.size)
    if factor >= 1:
        return picture
    return picture.resize((max(1, round(picture.width * factor)), max(1, round(picture.height * factor))), resampling)
