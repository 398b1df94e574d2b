"""Classes and their colours: the only place of ids, names, colours and the ignore value.

Ids are contiguous from 0 in the table's order, at most 255 of them. 255 is ignore everywhere: such pixels count in no
loss and no score. Colours are (red, green, blue), 0..255, and are written as #RRGGBB.
"""

import colorsys
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import ClassTableError

IGNORE = 255
MAX_CLASSES = 255
IGNORE_COLOR = (0, 0, 0)
NO_CLASS = -1
"""In tables from a mask's values to ids: a value that is neither in a class nor known to mean none."""

Color = tuple[int, int, int]
T = TypeVar("T")


def parse_color(text: str) -> Color:
    """`#3C1098`, `3C1098`, `60 16 152` or `60,16,152` as (60, 16, 152). Raises ClassTableError on anything else.

    `#3C1098FF` has an alpha, which is dropped.
    """
    cleaned = re.sub(r"^(#[0-9a-f]{6})[0-9a-f]{2}$", r"\1", text.strip().lower())
    if match := re.fullmatch(r"#?([0-9a-f]{6})", cleaned):
        value = int(match[1], 16)
        return (value >> 16, value >> 8 & 255, value & 255)
    numbers = re.split(r"[\s,;]+", cleaned.strip("()[] "))
    if len(numbers) == 3 and all(number.isdigit() and int(number) < 256 for number in numbers):
        red, green, blue = (int(number) for number in numbers)
        return (red, green, blue)
    raise ClassTableError(f"{text!r} is not a colour; write #RRGGBB, or red green blue as 0..255")


def format_color(color: Color) -> str:
    """(60, 16, 152) as `#3C1098`."""
    return "#{:02X}{:02X}{:02X}".format(*color)


def pack_colors(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Colours (..., 3) as one number each (...): red << 16 | green << 8 | blue."""
    packed = rgb[..., 0].astype(np.uint32)
    packed <<= 8
    packed |= rgb[..., 1]
    packed <<= 8
    packed |= rgb[..., 2]
    return packed


def unpack_color(packed: int) -> Color:
    """The inverse of `pack_colors` for one colour."""
    return (packed >> 16 & 255, packed >> 8 & 255, packed & 255)


@dataclass(frozen=True)
class ClassSchema:
    """The classes of a data set or model, in id order, and the void colours, which mean "no class".

    Laws: `encode(decode(ids)) == ids` for ids in range and for ignore; names and colours are unique.
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...]
    void_colors: tuple[Color, ...] = field(default=())
    merged: tuple[tuple[Color, int], ...] = ()
    """Further colours that masks use for a class, with its id."""

    def __post_init__(self) -> None:
        if not self.names:
            raise ClassTableError("a class table needs at least one class, this one has none")
        if len(self.names) > MAX_CLASSES:
            raise ClassTableError(f"{len(self.names)} classes; at most {MAX_CLASSES} fit beside ignore = {IGNORE}")
        if len(self.names) != len(self.colors):
            raise ClassTableError(f"{len(self.names)} names but {len(self.colors)} colours")
        if twice := _repeated(self.names):
            raise ClassTableError(f"the class name {twice!r} occurs twice; names must be unique")
        if twice_color := _repeated(self.colors):
            owners = [name for name, color in zip(self.names, self.colors, strict=True) if color == twice_color]
            raise ClassTableError(
                f"the colour {format_color(twice_color)} is given to {' and '.join(map(repr, owners))}; "
                "colours must be unique"
            )

    @property
    def n_classes(self) -> int:
        """The number of classes; ids are 0..n_classes - 1."""
        return len(self.names)

    @property
    def rows(self) -> tuple[tuple[int, str, Color], ...]:
        """The id, name and colour of each class, in id order."""
        return tuple(zip(range(self.n_classes), self.names, self.colors, strict=True))

    def without(self, ignored: Sequence[str]) -> "ClassSchema":
        """The schema in which the named classes are void (ignored); the other ids close up."""
        unknown = [name for name in ignored if name not in self.names]
        if unknown:
            raise ClassTableError(f"--ignore-class {unknown[0]!r}: no such class; there are {', '.join(self.names)}")
        kept = [i for i, name in enumerate(self.names) if name not in ignored]
        gone = [self.colors[i] for i in range(self.n_classes) if i not in kept]
        gone += [color for color, i in self.merged if i not in kept]
        return ClassSchema(
            tuple(self.names[i] for i in kept),
            tuple(self.colors[i] for i in kept),
            (*self.void_colors, *gone),
            tuple((color, kept.index(i)) for color, i in self.merged if i in kept),
        )

    @cached_property
    def palette(self) -> NDArray[np.uint8]:
        """Colours by id, (256, 3) uint8. Ids without a class have IGNORE_COLOR, ignore the first void colour if any."""
        palette = np.full((256, 3), IGNORE_COLOR, np.uint8)
        palette[: self.n_classes] = self.colors
        palette[IGNORE] = self.void_colors[0] if self.void_colors else IGNORE_COLOR
        return palette

    def decode(self, ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Ids (H, W) as colours (H, W, 3)."""
        return self.palette[ids]

    def encode(self, rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
        """A colour mask (H, W, 3) as ids (H, W), and where colours are unknown: neither class nor void (None: nowhere).

        Unknown pixels get the ignore value; the caller decides whether to refuse them.
        """
        packed = pack_colors(rgb)
        ids = self._lookup[packed]
        if not (ids == IGNORE).any():
            return ids, None
        unknown = ids == IGNORE
        for color in self.void_colors:
            unknown &= packed != pack_colors(np.array(color, np.uint8))
        return ids, unknown if unknown.any() else None

    def nearest(self, colors: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """The nearest class or void colour of each colour (N, 3): ids (N,) and Euclidean distances (N,) in RGB."""
        further, meant = [color for color, _ in self.merged], [i for _, i in self.merged]
        table = np.array([*self.colors, *further, *self.void_colors], np.float64)
        ids = np.array([*range(self.n_classes), *meant, *[IGNORE] * len(self.void_colors)], np.uint8)
        distances = np.linalg.norm(colors[:, None, :].astype(np.float64) - table[None], axis=2)
        best = distances.argmin(axis=1)
        return ids[best], distances[np.arange(len(colors)), best]

    def one_hot(self, ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Ids (H, W) as one-hot (K, H, W) uint8; ignored pixels are 0 in every class."""
        planes: NDArray[np.uint8] = ids[None] == np.arange(self.n_classes, dtype=np.uint8)[:, None, None]
        return planes.astype(np.uint8)

    def from_one_hot(self, one_hot: NDArray[np.generic]) -> NDArray[np.uint8]:
        """One-hot or probabilities (K, H, W) as ids (H, W); pixels that are 0 in every class are ignore."""
        ids: NDArray[np.uint8] = one_hot.argmax(axis=0).astype(np.uint8)
        ids[~one_hot.any(axis=0)] = IGNORE
        return ids

    def to_list(self) -> list[dict[str, Any]]:
        """The classes as JSON values: id, name, color."""
        pairs = zip(self.names, self.colors, strict=True)
        return [{"id": i, "name": name, "color": format_color(color)} for i, (name, color) in enumerate(pairs)]

    def to_dict(self) -> dict[str, Any]:
        """The whole schema as a JSON value; `ClassSchema.from_dict` is its inverse."""
        value = {"classes": self.to_list(), "void_colors": [format_color(color) for color in self.void_colors]}
        merged = [{"color": format_color(color), "id": i} for color, i in self.merged]
        return value | ({"merged_colors": merged} if merged else {})

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "ClassSchema":
        """The schema that `to_dict` described."""
        classes = value["classes"]
        return cls(
            tuple(entry["name"] for entry in classes),
            tuple(parse_color(entry["color"]) for entry in classes),
            tuple(parse_color(color) for color in value.get("void_colors", ())),
            tuple((parse_color(entry["color"]), entry["id"]) for entry in value.get("merged_colors", ())),
        )

    @cached_property
    def _lookup(self) -> NDArray[np.uint8]:
        """The id of each of the 2**24 colours (16 MiB): one lookup a pixel, for any number of classes."""
        lookup = np.full(1 << 24, IGNORE, np.uint8)
        lookup[pack_colors(np.array(self.colors, np.uint8))] = np.arange(self.n_classes, dtype=np.uint8)
        for color, i in self.merged:
            lookup[pack_colors(np.array(color, np.uint8))] = i
        return lookup


def distinct_colors(n: int) -> tuple[Color, ...]:
    """`n` well separated colours, the same on every call: hues in golden-ratio steps at three levels of lightness."""
    colors: list[Color] = []
    step = 0
    while len(colors) < n:
        rgb = colorsys.hls_to_rgb(step * 0.61803398875 % 1, (0.5, 0.35, 0.7)[step % 3], 0.75)
        color = (round(rgb[0] * 255), round(rgb[1] * 255), round(rgb[2] * 255))
        step += 1
        if color not in colors:
            colors.append(color)
    return tuple(colors)


def _repeated(values: Sequence[T]) -> T | None:
    return next((value for i, value in enumerate(values) if value in values[:i]), None)
