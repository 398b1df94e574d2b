"""The values in the masks of a data set, with their pixels."""

from dataclasses import dataclass
from functools import cached_property

from terrazzo.classes.schema import Color, format_color, unpack_color


@dataclass(frozen=True, eq=False)
class Census:
    """The pixels of each value in all masks of one kind."""

    is_color: bool
    pixels: dict[int, int]
    """By packed colour or id, most frequent first."""

    @cached_property
    def total(self) -> int:
        """All pixels. Kept: a photo taken for a mask has 100,000 colours, and each asks for its share."""
        return sum(self.pixels.values())


def colors_of(census: Census) -> dict[Color, int]:
    """The pixels of each colour; empty for id masks."""
    return {unpack_color(value): count for value, count in census.pixels.items()} if census.is_color else {}


def value_text(census: Census, value: int) -> str:
    """A value of the masks in words: `#3C1098`, or `id 3`."""
    return format_color(unpack_color(value)) if census.is_color else f"id {value}"
