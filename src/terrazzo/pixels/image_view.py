"""Which part of an image file is read, and how much smaller: the left or right half, at a fraction of its size."""

from dataclasses import dataclass
from typing import Literal

from PIL import Image

from terrazzo.errors import ImageError

MOST_ENLARGED = 2.0
"""An image with more pixels along a side than these times its own would show what nobody measured."""


@dataclass(frozen=True)
class ImageView:
    """What is read of an image: all of it or one half, at 1 / `downsample` of its height and width, above 0.

    Laws: a side of n pixels becomes `max(1, floor(n / downsample + 1/2))`. An image and a mask of equal size stay of
    equal size. At `downsample` 1 every pixel is the file's.
    """

    half: Literal["left", "right"] | None = None
    downsample: float = 1.0

    def size_of(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the part at full size, for a file of `size` (height, width)."""
        return size if self.half is None else (size[0], size[1] // 2)

    def reduced(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of what is read from a file of `size` (height, width)."""
        height, width = self.size_of(size)
        return _reduced(height, self.downsample), _reduced(width, self.downsample)

    def in_file(self, position: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
        """The (row, col) in the file of the centre of the pixel at `position`; `part` is `size_of` the file's size."""
        row, col = (
            (2 * at + 1) * n // (2 * _reduced(n, self.downsample)) for at, n in zip(position, part, strict=True)
        )
        return row, col + (part[1] if self.half == "right" else 0)


WHOLE = ImageView()


def sampled(image: Image.Image, view: ImageView, where: str) -> Image.Image:
    """The view of a decoded image whose values may not be mixed: each pixel is the one at the centre of its area.

    If the centre lies between two pixels, the lower or right one counts. Raises ImageError if there are no halves.
    """
    if view == WHOLE:
        return image
    height, width = view.reduced((image.height, image.width))
    return half_of(image, view, where).resize((width, height), Image.Resampling.NEAREST)


def half_of(image: Image.Image, view: ImageView, where: str) -> Image.Image:
    """The view's half of an image at full size. Raises ImageError if the width is odd."""
    if view.half is None:
        return image
    if image.width % 2:
        raise ImageError(f"{where}: is {image.width} pixels wide; expected two halves of equal width side by side")
    left = 0 if view.half == "left" else image.width // 2
    return image.crop((left, 0, left + image.width // 2, image.height))


def _reduced(side: int, downsample: float) -> int:
    return max(1, int(side / downsample + 0.5))
