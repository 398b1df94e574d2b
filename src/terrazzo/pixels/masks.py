"""A mask file as class ids: colours or ids, translated by the class schema.

A *colour mask* has colours as pixels: RGB, RGBA (alpha is dropped) or indices into a palette. Such indices stand for
colours, because the order of palettes differs from file to file. An *id mask* has one channel of whole numbers: 0..n-1,
and 255 for ignore. The caller may declare masks to be id masks: then a palette's indices are ids, and so are three
equal channels.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.classes.schema import IGNORE, NO_CLASS, ClassSchema, format_color, pack_colors, unpack_color
from terrazzo.errors import ImageError, LabelError
from terrazzo.pixels.image_files import decode, palette_of
from terrazzo.pixels.image_view import WHOLE, ImageView, sampled
from terrazzo.pixels.signatures import png_kind, tiff_tags

NEAREST_DISTANCE = 96.0
"""With `--unknown nearest`, a colour up to this Euclidean distance in RGB (0..441) counts as the nearest class."""
EDGE_SHARE = 0.02
"""Colours farther off are ignored and counted up to this share of a file, as mixtures along edges; more are refused.

Measured on the Dubai masks as JPEG with halved chroma, quality 75 to 95. There, 0.05 to 1.1 % of the pixels lie farther
than 96 from every class, all of them along edges. Foreign classes come in areas.
"""
_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class ValueCounts:
    """The distinct values of a mask in ascending order: ids, or colours packed as red << 16 | green << 8 | blue."""

    values: NDArray[np.int64]
    counts: NDArray[np.int64]
    first: NDArray[np.int64]
    """Flat index of the first pixel of each value."""


@dataclass(frozen=True, eq=False)
class Mask:
    """A decoded mask: `pixels` are colours (H, W, 3), or palette indices or ids (H, W)."""

    where: str
    pixels: NDArray[Any]
    palette: NDArray[np.uint8] | None = None
    """The colours (256, 3) of a palette image; None for others."""
    file_size: tuple[int, int] = (0, 0)
    """(height, width) in the file, before the mask was read smaller."""
    n_snapped: int = 0
    """Pixels of lossy colours that were replaced by the nearest colour of the palette ..."""
    n_far: int = 0
    """... and those that are too far from every one, which are ignored."""
    n_twice: int = 0
    """Of a mask drawn from polygons: pixels in polygons of different classes, at full size ..."""
    n_outside: int = 0
    """... and polygons outside the image."""

    @property
    def is_color(self) -> bool:
        """Whether pixels stand for colours rather than for ids."""
        return self.palette is not None or self.pixels.ndim == 3

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) as read."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def value_counts(self) -> ValueCounts:
        """How often each colour or id occurs, and where it occurs first."""
        flat = pack_colors(self.pixels).ravel() if self.pixels.ndim == 3 else self.pixels.ravel()
        # Masks consist of long runs of one value, so sorting runs is far cheaper than sorting pixels.
        starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
        lengths = np.diff(starts, append=flat.size)
        runs = flat[starts] if self.palette is None else pack_colors(self.palette)[flat[starts]]
        values, at, inverse = np.unique(runs, return_index=True, return_inverse=True)
        counts = np.bincount(inverse, weights=lengths).astype(np.int64)
        return ValueCounts(values.astype(np.int64), counts, starts[at])


@dataclass(frozen=True, eq=False)
class Translation:
    """What the values (N,) of a mask mean: ids (N,), and which values are in no class."""

    ids: NDArray[np.uint8]
    """255 for void, ignored and unknown values."""
    mapped: NDArray[np.bool_]
    """Colours in no class that count as the nearest one."""
    unknown: NDArray[np.bool_]
    """Colours in no class, or ids out of range, that do not."""


def read_mask(raw: bytes, where: str, view: ImageView = WHOLE, as_ids: bool = False) -> Mask:
    """The mask in an image file, put upright. Raises ImageError if it is damaged or of neither kind.

    A smaller view takes the value at the centre of each area. With `as_ids` every file holds ids: a palette's indices
    are ids, three equal channels count as one, and colours are refused.
    """
    _refuse_ambiguous(raw, where)
    image = decode(raw, where)
    file_size = view.size_of((image.height, image.width))
    image = sampled(image, view, where)
    if as_ids:
        return Mask(where, _ids_in(image, where), file_size=file_size)
    if image.mode == "P":
        return Mask(where, np.asarray(image), palette_of(image), file_size)
    if image.mode in ("RGB", "RGBA", "RGBX", "PA", "YCbCr", "CMYK"):
        return Mask(where, np.asarray(image if image.mode == "RGB" else image.convert("RGB")), file_size=file_size)
    return Mask(where, _ids_in(image, where), file_size=file_size)


def snap(mask: Mask, schema: ClassSchema, distance: float) -> Mask:
    """A lossy colour mask as an id mask, by the nearest class or void colour up to `distance`; others are ignored.

    Raises ImageError if most pixels are farther off, because the mask was then not drawn in these colours.
    """
    if mask.pixels.ndim != 3:
        raise ImageError(f"{mask.where}: holds no colours; expected a colour mask, as JPEG or PNG")
    packed = pack_colors(mask.pixels)
    values, inverse, counts = np.unique(packed, return_inverse=True, return_counts=True)
    colors = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1).astype(np.uint8)
    ids, distances = (np.concatenate(parts) for parts in zip(*map(schema.nearest, _chunks(colors)), strict=True))
    ids[distances > distance] = IGNORE
    n_far, n_exact = int(counts[distances > distance].sum()), int(counts[distances == 0].sum())
    if 2 * n_far > packed.size:
        raise ImageError(
            f"{mask.where}: {n_far / packed.size:.0%} of its mask lies farther than {distance:g} in RGB from every "
            "colour of this layout; expected a photo at the left and its colour mask at the right"
        )
    n_snapped = packed.size - n_far - n_exact
    return replace(mask, pixels=ids[inverse].reshape(packed.shape), n_snapped=n_snapped, n_far=n_far)


def translate(values: NDArray[np.int64], schema: ClassSchema, unknown: str) -> Translation:
    """What packed colours (N,) mean under the policy `unknown`: error, ignore or nearest."""
    colors = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1).astype(np.uint8)
    ids, strange = (array[0] if array is not None else None for array in schema.encode(colors[None]))
    ids = np.array(ids, np.uint8)
    mapped = np.zeros(len(values), np.bool_)
    if strange is None:
        return Translation(ids, mapped, mapped)
    if unknown == "nearest":
        for part in _chunks(np.flatnonzero(strange)):
            nearest, distances = schema.nearest(colors[part])
            near = part[distances <= NEAREST_DISTANCE]
            ids[near] = nearest[distances <= NEAREST_DISTANCE]
            mapped[near] = True
    return Translation(ids, mapped, strange & ~mapped)


def translate_ids(values: NDArray[Any], n_classes: int, label_ids: tuple[int, ...] | None = None) -> Translation:
    """What the values (N,) of an id mask mean: themselves below `n_classes`, or `label_ids[value]` (-1: no class).

    255 is ignore, unless `label_ids` gives it a class.
    """
    table = np.array(range(n_classes) if label_ids is None else label_ids, np.int16)
    known = (values >= 0) & (values < len(table))
    known[known] = table[values[known]] != NO_CLASS
    ids = np.full(values.shape, IGNORE, np.uint8)
    ids[known] = table[values[known]]
    return Translation(ids, np.zeros(values.shape, np.bool_), ~known & (values != IGNORE))


def too_strange(unknown: str, n_unknown: int, n_mapped: int, n_pixels: int) -> bool:
    """Whether `n_unknown` pixels of unknown colours break the contract under the policy `unknown`.

    error: always. ignore: never. nearest: unless they are mixtures along edges, which are few (`EDGE_SHARE`) and fewer
    than the colours near a class.
    """
    if unknown == "nearest":
        return n_unknown > min(n_mapped, EDGE_SHARE * n_pixels)
    return unknown == "error" and n_unknown > 0


def ids_of(
    mask: Mask, schema: ClassSchema, unknown: str = "error", label_ids: tuple[int, ...] | None = None
) -> NDArray[np.uint8]:
    """Class ids (H, W), with 255 for ignore. `label_ids` gives the class of each value of an id mask.

    Raises LabelError, with an example, for ids out of range and for unknown colours that the policy refuses.
    """
    if not mask.is_color:
        return _ids_of_ids(mask, schema.n_classes, label_ids)
    if mask.palette is not None:
        return _ids_of_colors(mask, pack_colors(mask.palette), mask.pixels, schema, unknown)
    ids, strange = schema.encode(mask.pixels)
    if strange is not None:
        values, inverse = np.unique(pack_colors(mask.pixels[strange]), return_inverse=True)
        ids[strange] = _ids_of_colors(mask, values, inverse, schema, unknown)
    return ids


def _ids_of_colors(
    mask: Mask, values: NDArray[np.uint32], inverse: NDArray[Any], schema: ClassSchema, unknown: str
) -> NDArray[np.uint8]:
    """The ids of pixels, given as indices into packed colours. Raises LabelError, with an example, if too strange."""
    meaning = translate(values.astype(np.int64), schema, unknown)
    counts = np.bincount(inverse.ravel(), minlength=len(values))
    n_unknown, n_mapped = int(counts[meaning.unknown].sum()), int(counts[meaning.mapped].sum())
    if too_strange(unknown, n_unknown, n_mapped, mask.size[0] * mask.size[1]):
        packed = values[meaning.unknown & (counts > 0)][0]
        here = (pack_colors(mask.pixels) if mask.palette is None else pack_colors(mask.palette)[mask.pixels]) == packed
        row, col = divmod(int(here.argmax()), mask.size[1])
        color = format_color(unpack_color(int(packed)))
        raise LabelError(f"{mask.where}: colour {color} at row {row}, col {col} is in no class; see `terrazzo inspect`")
    ids: NDArray[np.uint8] = meaning.ids[inverse]
    return ids


def _ids_of_ids(mask: Mask, n_classes: int, label_ids: tuple[int, ...] | None) -> NDArray[np.uint8]:
    found = mask.value_counts()
    meaning = translate_ids(found.values, n_classes, label_ids)
    if meaning.unknown.any():
        value = int(found.values[meaning.unknown][0])
        row, col = divmod(int(found.first[meaning.unknown][0]), mask.size[1])
        raise LabelError(f"{mask.where}: id {value} at row {row}, col {col} is out of range; see `terrazzo inspect`")
    values = np.arange(max(256, int(found.values[-1]) + 1))
    ids: NDArray[np.uint8] = translate_ids(values, n_classes, label_ids).ids[mask.pixels]
    return ids


def _ids_in(image: Image.Image, where: str) -> NDArray[Any]:
    """The ids (H, W) of an image that holds ids. Raises ImageError if it holds colours."""
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8)
    if image.mode == "P":
        return np.asarray(image)
    if image.mode in ("L", "LA"):
        return np.asarray(image.getchannel(0))
    if image.mode == "I" or image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.int32)
    if image.mode in ("RGB", "RGBA"):
        bands = np.asarray(image)
        if (bands[..., :1] == bands[..., 1:3]).all():
            return np.ascontiguousarray(bands[..., 0])
        raise ImageError(f"{where}: holds colours; expected one channel of ids; give the data's id masks")
    raise ImageError(f"{where}: a mask of mode {image.mode}; expected colours or whole-number ids; save it as PNG")


def _chunks(array: NDArray[Any]) -> list[NDArray[Any]]:
    """The array in parts of about `_CHUNK` rows, so that distances to all classes fit into memory."""
    return np.array_split(array, len(array) // _CHUNK + 1)


def _refuse_ambiguous(raw: bytes, where: str) -> None:
    """Raise ImageError for masks whose values Pillow would change: 2-bit and 4-bit grey, deep colours, floats."""
    (bits, kind), tags = png_kind(raw) or (8, 0), tiff_tags(raw, where)
    if kind == 0 and bits in (2, 4):
        raise ImageError(f"{where}: a {bits}-bit grey mask: its values may be ids or scaled greys; save it with 8 bits")
    if kind != 0 and bits == 16:
        raise ImageError(f"{where}: a mask of 16-bit colours; save it with 8 bits a channel")
    if tags is None:
        return
    bits, bands = max(tags.get(258, (1,))), tags.get(277, (1,))[0]
    if max(tags.get(339, (1,))) == 3:
        raise ImageError(f"{where}: a floating-point mask; expected colours or whole-number ids; save it as PNG")
    if bands > 1 and bits > 8:
        raise ImageError(f"{where}: a mask of {bits}-bit colours; save it with 8 bits a channel")
    if bands > 4:
        raise ImageError(f"{where}: a mask of {bands} bands; expected one band of ids, or RGB; save it as PNG")
