"""Scenes as boxes are found in them: the parts of their map, and the windows around boxes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.maps.engines.local import LocalEngine
from terrazzo.maps.familiarity import picture_window
from terrazzo.maps.inputs import PictureFile
from terrazzo.maps.jobs.job import RasterJob
from terrazzo.maps.pictures.picture_map import Photo
from terrazzo.maps.pieces.computing import assemble
from terrazzo.maps.pieces.journal import PARTIAL, open_journal
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE, NODATA, PROBABILITIES, Part, finish, weighted
from terrazzo.maps.pieces.window_reader import filled
from terrazzo.maps.pieces.working_grid import on_input
from terrazzo.model.opening import ModelFile
from terrazzo.model.predictor import Predictor
from terrazzo.model.windows.tiling import blocks, window_batch
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.pixels.photos import open_photo
from terrazzo.pixels.rasters.reading import open_pixels

Places = Sequence[tuple[int, int]]
"""Row and column of the upper left pixel of boxes."""
Step = Callable[[int], None]
"""step(pixels): this many more pixels of the scene are mapped."""
WANTED = (CLASSES, CONFIDENCE, PROBABILITIES)


class Scene(Protocol):
    """A photo or raster."""

    @property
    def name(self) -> str:
        """Its name below the input that named it."""

    @property
    def path(self) -> str:
        """What it is read from."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""

    def map(self, step: Step) -> Iterator[Part]:
        """Map the scene; the parts of its map, with `WANTED` layers, in bounded memory. Called once."""

    def windows(self, places: Places, side: int) -> Iterator[Pixels]:
        """Windows (S, S, C) of the model's patch size around the centres of boxes, as the network sees them."""


@dataclass(frozen=True)
class RasterScene:
    """A raster. Its map is kept in the journal of `job`, in a folder for intermediate files."""

    name: str
    job: RasterJob
    engine: LocalEngine

    @property
    def path(self) -> str:
        """The raster's path or address."""
        return str(self.job.raster.path)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.job.raster.height, self.job.raster.width

    def map(self, step: Step) -> Iterator[Part]:
        """Map the raster as `predict` does; the parts of its map."""
        job = self.job
        with open_journal(job.folder / PARTIAL, job.begun_as, restart=False) as journal:
            for done in self.engine.compute(job, journal, job.lattice.pieces):
                step(job.own_pixels(done.piece))
        yield from self._parts()

    def boxes(self, places: Places, side: int) -> NDArray[np.uint8]:
        """Class ids and confidences in percent of boxes (n, 2, side, side), once the raster is mapped."""
        found = np.full((len(places), 2, side, side), NODATA, np.uint8)
        for part in self._parts():
            layers = [part.layers[name][0] for name in (CLASSES, CONFIDENCE)]
            height, width = layers[0].shape
            for box, (row, col) in zip(found, places, strict=True):
                top, bottom = max(row, part.row), min(row + side, part.row + height)
                left, right = max(col, part.col), min(col + side, part.col + width)
                if top < bottom and left < right:
                    there = slice(top - part.row, bottom - part.row), slice(left - part.col, right - part.col)
                    box[:, top - row : bottom - row, left - col : right - col] = [layer[there] for layer in layers]
        return found

    def windows(self, places: Places, side: int) -> Iterator[Pixels]:
        """Windows on the grid on which the network sees the raster, moved inward at its edges."""
        job, header = self.job, self.job.model.header
        sizes = tuple(min(header.patch_size, length) for length in job.grid.seen)
        with open_pixels(job.raster, job.choice) as source:
            seen = job.grid.source(source)
            for place in places:
                row, col = (
                    _start((at + side / 2) * axis.seen / axis.length, size, axis.seen)
                    for at, axis, size in zip(place, (job.grid.rows, job.grid.cols), sizes, strict=True)
                )
                pixels, valid = seen.read(row, col, *sizes)
                yield filled(header.normalization, pixels, valid, header.patch_size, header.patch_size)

    def _parts(self) -> Iterator[Part]:
        job = self.job
        with (
            open_journal(job.folder / PARTIAL, job.begun_as, restart=False) as journal,
            open_pixels(job.raster, job.choice) as source,
        ):
            yield from on_input(assemble(job.lattice, journal, WANTED), job.grid, source.valid)


@dataclass(frozen=True)
class PhotoScene:
    """A photo. Its class ids are kept at `ids`, an .npz in a folder for intermediate files."""

    name: str
    file: PictureFile
    size: tuple[int, int]
    model: Predictor
    model_file: ModelFile
    ids: Path

    @property
    def path(self) -> str:
        """The photo's path."""
        return str(self.file.path)

    def open(self) -> Photo:
        """The photo, upright. Raises ImageError if it is damaged."""
        return Photo(open_photo(self.file.read(), self.path))

    def map(self, step: Step) -> Iterator[Part]:
        """Map the photo as `predict` does; the parts of its map."""
        tiling = self.model_file.tiling
        ids = np.empty(self.size, np.uint8)
        for block in blocks(self.model.classify, self.open(), tiling, window_batch(self.model, tiling)):
            once = (np.ones(length, np.float32) for length in block.probs.shape[1:])
            layers = finish(weighted(block.probs, *once), WANTED)
            ids[block.place] = layers[CLASSES][0]
            step(layers[CLASSES].size)
            yield Part(block.row, block.col, layers)
        np.savez_compressed(self.ids, ids=ids)

    def windows(self, places: Places, side: int) -> Iterator[Pixels]:
        """Windows of the photo as the network sees it, moved inward at its edges; of models of whole images, all."""
        header, tiling = self.model_file.header, self.model_file.tiling
        photo = self.open()
        if tiling.whole:
            whole = photo.resized(header.patch_size, header.patch_size, Image.Resampling.BILINEAR)
            yield from (whole for _ in places)
            return
        span = round(header.patch_size * tiling.downsample)
        for place in places:
            row, col = (_start(at + side / 2, span, length) for at, length in zip(place, self.size, strict=True))
            yield picture_window(photo, row, col, span, header.patch_size)

    def crops(self, places: Places, side: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """The pixels (side, side, 3) and class ids (side, side) of boxes, once the photo is mapped."""
        photo = self.open()
        with np.load(self.ids, allow_pickle=False) as kept:
            ids = kept["ids"]
        for row, col in places:
            yield photo.read(row, col, side, side), ids[row : row + side, col : col + side]


def _start(centre: float, size: int, length: int) -> int:
    """Where a window of `size` around `centre` begins, inside 0 to `length`."""
    return max(0, min(round(centre - size / 2), length - size))
