"""One photo to its class map, overlay and confidences, in bounded memory.

The photo is decoded once and windows are cut from it on demand. Finished rows go straight into the PNGs. The overlay
replaces the photo in place where no later window looks. So only the decoded photo (4 bytes a pixel) grows with its
height.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.classes.drawing import tint
from terrazzo.maps.pictures.files import MapFiles, save_overlay
from terrazzo.maps.pictures.png import png_of_rows
from terrazzo.maps.pieces.sums import CONFIDENCE, finish, weighted
from terrazzo.model.averaging.views import PLAIN, Views
from terrazzo.model.predictor import Predictor
from terrazzo.model.windows.blend import Block
from terrazzo.model.windows.tiling import Tiling, blocks, window_batch
from terrazzo.pixels.keyed import KEY, key_of
from terrazzo.system.files import write_beside, writing


@dataclass(frozen=True)
class Photo:
    """A Pillow image (RGB) as a `tiling.Picture`; rectangles are copied on demand."""

    image: Image.Image

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.height, self.image.width

    def read(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """The pixels (height, width, 3) from (row, col) on."""
        return np.asarray(self.image.crop((col, row, col + width, row + height)))

    def resized(self, height: int, width: int, how: Image.Resampling) -> NDArray[np.uint8]:
        """The whole photo as (height, width, 3)."""
        return np.asarray(self.image.resize((width, height), how))


@dataclass(frozen=True)
class Mapped:
    """Pixels by class in id order, and whether the overlay was shrunk to fit into a JPEG."""

    pixels: tuple[int, ...]
    shrunk: bool


def map_picture(
    model: Predictor,
    image: Image.Image,
    tiling: Tiling,
    files: MapFiles,
    step: Callable[[int], None],
    views: Views = PLAIN,
) -> Mapped:
    """Write the map of an RGB image, which the overlay replaces; `step(pixels)` reports pixels that are done.

    The class map is put in place last: if it exists, so do the other files.
    """
    palette = model.header.schema.palette[: model.header.schema.n_classes]
    counts = np.zeros(len(palette), np.int64)
    photo = Photo(image)
    with writing(files.classes), ExitStack() as stack:
        writes = [stack.enter_context(_png(files.classes, photo, files.key, palette))]
        if files.with_confidence:
            writes.append(stack.enter_context(_png(files.confidence, photo, files.key)))
        strip = np.empty((0, 0, 0), np.uint8)
        for block in blocks(views.of(model.classify), photo, tiling, window_batch(model, tiling)):
            ids = block.ids
            if block.col == 0:
                strip = np.empty((len(writes), len(ids), image.width), np.uint8)
            strip[0, :, block.place[1]] = ids
            if files.with_confidence:
                strip[1, :, block.place[1]] = _confidence(block)
            counts += np.bincount(ids.ravel(), minlength=len(palette))
            # The overlay, in place: `tiling.blocks` does not read the block's rectangle again.
            pixels = photo.read(block.row, block.col, *ids.shape)
            image.paste(Image.fromarray(tint(pixels, ids, palette)), (block.col, block.row))
            if block.col + ids.shape[1] == image.width:
                for write, rows in zip(writes, strip, strict=True):
                    write(rows)
            step(ids.size)
        shrunk = save_overlay(image, files.overlay, files.key)
    if not files.with_confidence and key_of(files.confidence) is not None:
        files.confidence.unlink()  # of the earlier map that this one replaces
    return Mapped(tuple(counts.tolist()), shrunk)


@contextmanager
def _png(
    path: Path, photo: Photo, key: str, palette: NDArray[np.uint8] | None = None
) -> Iterator[Callable[[NDArray[np.uint8]], None]]:
    """The `write` of a PNG of the photo's size, put in place once it is whole."""
    with (
        write_beside(path) as temporary,
        png_of_rows(temporary, *photo.size, {KEY: key}, palette) as write,
    ):
        yield write


def _confidence(block: Block) -> NDArray[np.uint8]:
    """The winning classes' shares in percent (h, w), rounded as in a raster's confidence.tif."""
    once = (np.ones(length, np.float32) for length in block.probs.shape[1:])
    percent: NDArray[np.uint8] = finish(weighted(block.probs, *once), (CONFIDENCE,))[CONFIDENCE][0]
    return percent
