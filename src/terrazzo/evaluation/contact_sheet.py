"""A sheet of patches: each a few panels with a caption, beside the legend of the classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from terrazzo.classes.drawing import class_picture, draw_legend
from terrazzo.classes.schema import IGNORE, ClassSchema
from terrazzo.evaluation.panels import shown_bands

PANEL_PX = 224
"""The longest side of a panel."""

_MARGIN, _GAP, _BETWEEN = 20, 4, 18
_TITLE_PX, _HEAD_PX, _CAPTION_PX = 22, 15, 14  # sizes of type
_LINE_PX = 20
_INK, _PALE = "#202020", "#6b7280"
_WIDE = 1.5  # the width of the grid over its height, about


@dataclass(frozen=True)
class Entry:
    """One patch on the sheet."""

    caption: str
    image: NDArray[np.uint8]
    """(H, W, C)"""
    maps: tuple[NDArray[np.uint8], ...]
    """Class ids, (H, W) each: the truth, and the prediction if there is one."""


def draw_sheet(title: str, heads: Sequence[str], entries: Sequence[Entry], schema: ClassSchema) -> Image.Image:
    """The sheet as an RGB picture: a title, the entries in reading order, the legend on the right.

    `heads` are the titles of an entry's panels, the image first. Class maps have exactly the colours of their classes;
    ignored pixels are striped. All entries have one size; large ones are shrunk, small ones enlarged by a whole factor.
    """
    cells = [_draw_cell(entry, schema) for entry in entries]
    width, height = cells[0].size
    columns = n_columns(len(cells), width / height)
    rows = -(-len(cells) // columns)
    striped = any((ids == IGNORE).any() for entry in entries for ids in entry.maps)
    legend = draw_legend(schema, ignored=striped)
    top = 2 * _MARGIN + _TITLE_PX
    title_font = ImageFont.load_default(_TITLE_PX)
    grid_width = columns * (width + _BETWEEN)
    grid_height = _LINE_PX + rows * (height + _BETWEEN)
    sheet_width = max(grid_width + legend.width, round(title_font.getlength(title)) + _MARGIN) + _MARGIN
    sheet = Image.new("RGB", (sheet_width, top + max(grid_height, legend.height)), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), title, _INK, title_font)
    head_font = ImageFont.load_default(_HEAD_PX)
    for column in range(columns):
        for number, head in enumerate(heads):
            left = _MARGIN + column * (width + _BETWEEN) + number * ((width + _GAP) // len(heads))
            draw.text((left, top), head, _PALE, head_font)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        left = _MARGIN + column * (width + _BETWEEN)
        sheet.paste(cell, (left, top + _LINE_PX + row * (height + _BETWEEN)))
    sheet.paste(legend, (_MARGIN + grid_width, top))
    return sheet


def n_columns(n_cells: int, aspect: float) -> int:
    """How many cells in a row bring the grid closest to 3 : 2; `aspect` is the width of a cell over its height."""
    shapes = ((columns, columns * aspect / -(-n_cells // columns)) for columns in range(1, n_cells + 1))
    return min(shapes, key=lambda shape: abs(np.log(shape[1] / _WIDE)))[0]


def _draw_cell(entry: Entry, schema: ClassSchema) -> Image.Image:
    """Panels in a row, with the caption below."""
    pictures = [_fitted(shown_bands(entry.image), Image.Resampling.BOX)]
    pictures += [_fitted(class_picture(ids, schema), Image.Resampling.NEAREST) for ids in entry.maps]
    width, height = pictures[0].size
    cell = Image.new("RGB", (len(pictures) * (width + _GAP) - _GAP, height + _GAP + _LINE_PX), "white")
    for number, picture in enumerate(pictures):
        cell.paste(picture, (number * (width + _GAP), 0))
    font = ImageFont.load_default(_CAPTION_PX)
    ImageDraw.Draw(cell).text((0, height + _GAP), _shortened(entry.caption, font, cell.width), _INK, font)
    return cell


def _fitted(pixels: NDArray[np.uint8], resampling: Image.Resampling) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    longest = max(picture.size)
    if longest <= PANEL_PX:
        factor = PANEL_PX // longest
        return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    picture.thumbnail((PANEL_PX, PANEL_PX), resampling, reducing_gap=None)
    return picture


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, or as much of its end as fits the width."""
    if font.getlength(text) <= width:
        return text
    starts = (at for at in range(1, len(text)) if font.getlength(f"...{text[at:]}") <= width)
    return f"...{text[next(starts, len(text)) :]}"
