"""The patches of one source on their way into a folder of several: classes and image numbers changed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.patches.cutting import Cut
from terrazzo.patches.writer import PatchSink, PatchWriter, Source, Written, count_classes


class MappedWriter(PatchSink):
    """Writes the patches of a source to the folder of all.

    Law: each mask value v becomes `table[v]`, image i becomes i + `first`, and patches without a pixel of a class are
    left out. The source itself sees all its patches and its own classes.
    """

    def __init__(self, writer: PatchWriter, ids: Sequence[int], first: int, bands: int) -> None:
        self._writer, self._first, self._bands, self._n_classes = writer, first, bands, len(ids)
        self._table = np.full(IGNORE + 1, IGNORE, np.uint8)
        self._table[: len(ids)] = ids
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
        self._kept: list[NDArray[np.bool_]] = []
        self._patch_size = 0

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(N,) which of the patches of the source were written."""
        return np.concatenate([np.zeros(0, np.bool_), *self._kept])

    def add(self, image: int, pieces: Cut, class_pixels: NDArray[np.int64] | None = None) -> None:
        """Write those patches that have a pixel of a class."""
        if class_pixels is None:
            class_pixels = count_classes(pieces.masks, self._n_classes)
        into = Cut(pieces.images, self._table[pieces.masks], pieces.corners)
        kept = np.asarray((into.masks != IGNORE).any(axis=(1, 2)))
        self._writer.add(self._first + image, into if kept.all() else into.only(kept))
        self._parts.append((np.full(len(kept), image, np.int64), pieces.corners, class_pixels))
        self._kept.append(kept)
        self._patch_size = pieces.masks.shape[1]

    def finish(self, sources: Sequence[Source]) -> Written:
        """All patches of the source, with those that were left out."""
        image = np.concatenate([np.zeros(0, np.int64), *[part[0] for part in self._parts]])
        corners = np.concatenate([np.zeros((0, 2), np.int64), *[part[1] for part in self._parts]])
        pixels = np.concatenate([np.zeros((0, self._n_classes), np.int64), *[part[2] for part in self._parts]])
        return Written(sources, image, corners, pixels, "", self._patch_size, self._bands)
