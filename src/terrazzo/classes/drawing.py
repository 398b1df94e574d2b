"""Class maps as pictures: class colours, their overlay on the photo, and the legend."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from terrazzo.classes.schema import IGNORE, ClassSchema, format_color

IGNORED_COLORS = ((176, 180, 186), (134, 139, 147))
"""The two stripes that mark ignored pixels."""
_STRIPE_PX = 4


def class_picture(ids: NDArray[np.uint8], schema: ClassSchema) -> NDArray[np.uint8]:
    """Ids (H, W) in the colours of their classes (H, W, 3); ignored pixels are striped."""
    picture = schema.decode(ids)
    ignored = ids == IGNORE
    picture[ignored] = np.array(IGNORED_COLORS, np.uint8)[stripes(ids.shape)][ignored]
    return picture


def stripes(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """0 and 1 in diagonal stripes (H, W)."""
    rows, columns = np.indices(shape)
    stripes: NDArray[np.int64] = (rows + columns) // _STRIPE_PX % 2
    return stripes


_CLASS_SHARE = 115  # of 256: how much of the class colour an overlay shows, 0.45
_FONT_SIZE = 20
_LINE, _MARGIN, _GAP = 34, 16, 14
_SWATCH_HEIGHT, _SWATCH_WIDTH = 24, 44


def tint(pixels: NDArray[np.uint8], ids: NDArray[np.uint8], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photo (h, w, 3) mixed with the colours of its class ids (h, w): 0.55 photo, 0.45 class colour."""
    mixed = pixels.astype(np.uint16)
    mixed *= 256 - _CLASS_SHARE
    mixed += (palette.astype(np.uint16) * _CLASS_SHARE + 128)[ids]
    mixed >>= 8
    return mixed.astype(np.uint8)


def draw_legend(schema: ClassSchema, ignored: bool = False) -> Image.Image:
    """The legend as a picture on white: a line for each class in id order, with its colour, name and id.

    With `ignored`, a last line explains the stripes of ignored pixels.
    """
    font = ImageFont.load_default(_FONT_SIZE)
    name_at = _MARGIN + _SWATCH_WIDTH + _GAP
    lines = [(name, str(i)) for i, name in enumerate(schema.names)]
    if ignored:
        lines.append(("ignored", str(IGNORE)))
    longest_name = max(font.getlength(name) for name, _ in lines)
    width = round(name_at + longest_name + 2 * _GAP + font.getlength("255") + _MARGIN)
    legend = Image.new("RGB", (width, 2 * _MARGIN + _LINE * len(lines)), "white")
    draw = ImageDraw.Draw(legend)
    for i, (name, label) in enumerate(lines):
        middle = _MARGIN + _LINE * i + _LINE // 2
        top = middle - _SWATCH_HEIGHT // 2
        corners = (_MARGIN, top, _MARGIN + _SWATCH_WIDTH, top + _SWATCH_HEIGHT)
        if i < schema.n_classes:
            draw.rectangle(corners, format_color(schema.colors[i]), outline="#606060")
        else:
            stripes = np.full((_SWATCH_HEIGHT + 1, _SWATCH_WIDTH + 1), IGNORE, np.uint8)
            legend.paste(Image.fromarray(class_picture(stripes, schema)), corners[:2])
            draw.rectangle(corners, outline="#606060")
        draw.text((name_at, middle), name, "#202020", font, anchor="lm")
        draw.text((width - _MARGIN, middle), label, "#808080", font, anchor="rm")
    return legend
