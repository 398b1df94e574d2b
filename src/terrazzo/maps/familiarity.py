"""How far the images to map are from the model's training data, seen in a few windows before they are mapped.

The windows have the size of the training patches. At most 32 are looked at, of one raster or of all photos together. So
the cost does not grow with the images. It is 0.9 seconds of one core for 256 px and EfficientNet-Lite0 (AMD EPYC).
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.maps.pieces.window_reader import PixelSource, filled
from terrazzo.model.familiarity.reference import Familiarity, Seen
from terrazzo.model.normalization import Normalization
from terrazzo.model.predictor import Measuring, Predictor
from terrazzo.model.windows.tiling import Picture, Tiling
from terrazzo.pixels.bands.depth import Pixels

MOST_WINDOWS, MOST_PIXELS = 32, 1 << 22
"""Windows that are looked at, and their pixels: 16 windows of 512 px. They are held in memory together."""
ALONG = 8
"""Places of windows along each axis of a raster; every second one is looked at first, as on a chessboard."""
_VALID, _LEAST_VALID = 0.9, 0.5
"""The share of valid pixels of a good window, and of one that is taken where no window is good."""


def distance(model: Predictor, familiarity: Familiarity | None, windows: Sequence[Pixels]) -> Seen | None:
    """The median distance of windows (H, W, C); None without windows, or where the model measures none."""
    if familiarity is None or not windows or not isinstance(model, Measuring):
        return None
    found = model.distances(np.stack(windows).transpose(0, 3, 1, 2))
    return None if found is None else Seen(float(np.median(found)), familiarity.threshold)


def good_windows(source: PixelSource, size: tuple[int, int], side: int, normalization: Normalization) -> list[Pixels]:
    """At most `most_windows` (side, side, C) spread over the valid area of a raster of this size.

    Windows that are 90 % valid, or if there is none, those that are half valid. At most `ALONG` x `ALONG` are read.
    """
    most = most_windows(side)
    good: list[Pixels] = []
    fair: list[Pixels] = []
    for row, col in places(size, side):
        pixels, valid = source.read(row, col, min(side, size[0]), min(side, size[1]))
        share = valid.mean()
        into = good if share >= _VALID else fair
        if share >= _LEAST_VALID and len(into) < most:
            into.append(filled(normalization, pixels, valid, side, side))
        if len(good) == most:
            break
    return good or fair


def most_windows(side: int) -> int:
    """How many windows of this side are looked at: 4 to `MOST_WINDOWS`."""
    return max(4, min(MOST_WINDOWS, MOST_PIXELS // side**2))


def places(size: tuple[int, int], side: int) -> Iterator[tuple[int, int]]:
    """Row and column of windows from edge to edge, those of a chessboard's one colour before those of the other."""
    rows, cols = (_starts(length, side) for length in size)
    for colour in (0, 1):
        for i, row in enumerate(rows):
            for col in islice(cols, (i + colour) % 2, None, 2):
                yield row, col


def picture_windows(picture: Picture, tiling: Tiling, side: int, most: int) -> list[Pixels]:
    """At most `most` windows (side, side, C) of a photo as the model sees it, spread over it."""
    if tiling.whole:
        return [picture.resized(side, side, Image.Resampling.BILINEAR)]
    height, width = picture.size
    span = round(side * tiling.downsample)
    spots = list(places((height, width), span))
    chosen = [spots[at] for at in evenly(len(spots), most)]
    return [picture_window(picture, row, col, span, side) for row, col in chosen]


def picture_window(picture: Picture, row: int, col: int, span: int, side: int) -> Pixels:
    """The window (side, side, C) of `span` pixels from (row, col), filled up by reflection where the photo ends."""
    height, width = picture.size
    pixels = picture.read(row, col, min(span, height), min(span, width))
    pad = (span - pixels.shape[0], span - pixels.shape[1])
    pixels = np.pad(pixels, ((0, pad[0]), (0, pad[1]), (0, 0)), mode="symmetric") if any(pad) else pixels
    if span == side:
        return pixels
    return np.asarray(Image.fromarray(np.asarray(pixels, np.uint8)).resize((side, side), Image.Resampling.BOX))


def words_of(name: str, seen: Seen, familiarity: Familiarity) -> str | None:
    """The warning about an image; None if it is like the training data."""
    if not seen.unlike:
        return None
    return (
        f"warning: {name} is unlike the training data: feature distance {seen.distance:.2g} ({familiarity.words}); "
        "check its map before you rely on it (docs/how-to/map-a-scene.md)"
    )


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, from the first to the last."""
    if count <= most:
        return list(range(count))
    spread: NDArray[np.float64] = np.linspace(0, count - 1, most)
    return [int(number) for number in spread.round()]


def _starts(length: int, side: int) -> list[int]:
    """Where the windows along an axis begin: `ALONG`, or fewer where they would overlap by more than half."""
    room = max(0, length - side)
    count = min(ALONG, 1 + -(-2 * room // side))
    return [round(start) for start in np.linspace(0, room, count).tolist()]
