"""Writing a folder of patches: the pixels image by image, then index.csv and dataset.json."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from terrazzo._version import __version__
from terrazzo.classes.schema import IGNORE, ClassSchema
from terrazzo.errors import PatchesError
from terrazzo.patches.cutting import Cut
from terrazzo.patches.folder import DESCRIPTION, FORMAT, IMAGES, INDEX, INDEX_FIELDS, MASKS, Patches, open_patches
from terrazzo.patches.options import SplitOptions
from terrazzo.patches.splits.origins import Ground, PatchOrigins
from terrazzo.patches.splits.split import Split, counts
from terrazzo.pixels.bands.depth import EIGHT_BITS
from terrazzo.system.files import digest, write_json

if TYPE_CHECKING:
    from terrazzo.pixels.rasters.ground import Grid


@dataclass(frozen=True)
class Source:
    """An image that patches are cut from."""

    name: str
    group: str
    split: str | None
    """The side that the layout assigns, or None."""
    height: int
    width: int
    pixel_hash: str
    picture: int | None = None
    """The number of the image that it is a copy or version of; None: of none before it."""
    data_set: str | None = None
    """The data set that it is of, where there are several."""
    place: Mapping[str, Any] = field(default_factory=dict)
    """Where it lies, as entries of dataset.json (`place_of`); empty where that is not known."""


@dataclass(frozen=True, eq=False)
class Written:
    """N patches whose pixels are written, and the images that they come from."""

    sources: Sequence[Source]

    image: NDArray[np.int64]
    """(N,) the number of each patch's image."""
    corners: NDArray[np.int64]
    """(N, 2) row and column of its top left pixel in the image."""
    class_pixels: NDArray[np.int64]
    """(N, K) valid pixels by class."""
    pixel_hash: str
    patch_size: int
    bands: int
    ground: Ground | None = None
    """Where the patches lie; None: no image is near another."""
    places_known: bool = True
    """Whether each image has a place: a group of its layout, or coordinates."""
    warnings: tuple[str, ...] = ()
    dtype: str = EIGHT_BITS
    """The pixel type of the images."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Further entries of dataset.json."""

    @property
    def valid_pixels(self) -> NDArray[np.int64]:
        """(N,) pixels that have a class."""
        valid: NDArray[np.int64] = self.class_pixels.sum(axis=1)
        return valid

    def origins(self, schema: ClassSchema) -> PatchOrigins:
        """What a split is made from."""
        names = list(dict.fromkeys(source.group for source in self.sources))
        group = _numbers([source.group for source in self.sources])
        pictures = np.array([i if one.picture is None else one.picture for i, one in enumerate(self.sources)], np.int64)
        return PatchOrigins(
            image=self.image,
            group=group[self.image],
            given=tuple(self.sources[image].split for image in self.image),
            class_pixels=self.class_pixels,
            valid_pixels=self.valid_pixels,
            class_names=schema.names,
            group_names=tuple(names),
            corners=self.corners,
            patch_size=self.patch_size,
            ground=self.ground,
            picture=pictures[self.image],
            source=_numbers([source.data_set for source in self.sources])[self.image],
        )


@dataclass(frozen=True)
class PatchShape:
    """Patches of `patch_size` pixels a side, with `bands` bands of the pixel type `dtype`."""

    patch_size: int
    bands: int
    dtype: str = EIGHT_BITS


class PatchSink(Protocol):
    """What patches are written to."""

    def add(self, image: int, pieces: Cut, class_pixels: NDArray[np.int64] | None = None) -> None:
        """Add patches of the image with that number; `class_pixels` (n, K) if they are counted already."""

    def finish(self, sources: Sequence[Source]) -> Written:
        """What was written from these images; call it once, after the last patch."""


class PatchWriter:
    """Patches added to a folder, some of an image at a time; `open_writer` makes one."""

    def __init__(self, images: BinaryIO, masks: BinaryIO, shape: "PatchShape", n_classes: int) -> None:
        self._images, self._masks = images, masks
        self._shape, self._n_classes = shape, n_classes
        self._hasher = hashlib.blake2b(digest_size=16)
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
        self._write_headers()

    def __len__(self) -> int:
        return sum(len(image) for image, _, _ in self._parts)

    def add(self, image: int, pieces: Cut, class_pixels: NDArray[np.int64] | None = None) -> None:
        """Add patches of the image with that number; `class_pixels` (n, K) if they are counted already."""
        if class_pixels is None:
            class_pixels = count_classes(pieces.masks, self._n_classes)
        for stream, array in ((self._images, pieces.images), (self._masks, pieces.masks)):
            stream.write(array.data)
            self._hasher.update(array.data)
        self._parts.append((np.full(len(pieces.masks), image, np.int64), pieces.corners, class_pixels))

    def finish(self, sources: Sequence[Source]) -> Written:
        """What was written from these images; call it once, after the last patch."""
        self._write_headers()
        image = np.concatenate([np.zeros(0, np.int64), *[part[0] for part in self._parts]])
        corners = np.concatenate([np.zeros((0, 2), np.int64), *[part[1] for part in self._parts]])
        pixels = np.concatenate([np.zeros((0, self._n_classes), np.int64), *[part[2] for part in self._parts]])
        shape = self._shape
        made = Written(sources, image, corners, pixels, self._hasher.hexdigest(), shape.patch_size, shape.bands)
        return replace(made, dtype=shape.dtype)

    def _write_headers(self) -> None:
        """Write the headers at the start of both files; numpy pads them to one length for every count."""
        side, bands = self._shape.patch_size, self._shape.bands
        for stream, dtype, tail in (
            (self._images, self._shape.dtype, (side, side, bands)),
            (self._masks, EIGHT_BITS, (side, side)),
        ):
            stream.seek(0)
            descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
            header = {"descr": descr, "fortran_order": False, "shape": (len(self), *tail)}
            np.lib.format.write_array_header_2_0(stream, header)


@contextmanager
def open_writer(folder: Path, shape: PatchShape, n_classes: int) -> Iterator[PatchWriter]:
    """A writer of the pixels in `folder`."""
    with (folder / IMAGES).open("wb") as images, (folder / MASKS).open("wb") as masks:
        yield PatchWriter(images, masks, shape, n_classes)


def count_classes(masks: NDArray[np.uint8], n_classes: int) -> NDArray[np.int64]:
    """Valid pixels (n, K) of each class in each patch."""
    table = np.zeros((len(masks), IGNORE + 1), np.int64)
    for row, mask in zip(table, masks, strict=True):
        row[:] = np.bincount(mask.ravel(), minlength=IGNORE + 1)
    return table[:, :n_classes]


def _numbers(words: Sequence[str | None]) -> NDArray[np.int64]:
    """The number (n,) of each word, from 0 in their order; equal words have one."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    return np.array([numbers[word] for word in words], np.int64)


def _write_index(path: Path, written: Written, split: Split) -> None:
    """Write one line a patch: its image, place, side and valid pixels."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(INDEX_FIELDS)
        valid_pixels = written.valid_pixels
        for patch, image in enumerate(written.image):
            row, col = written.corners[patch]
            group, side = written.sources[image].group, split.sides[patch]
            writer.writerow([patch, image, group, row, col, side, valid_pixels[patch]])


@dataclass(frozen=True)
class Making:
    """How the patches were made: the key of inputs and options, the classes, and the split asked for."""

    key: str
    schema: ClassSchema
    split: SplitOptions
    told: Mapping[str, Any]
    """Further entries of dataset.json: fit, downsample, layout; of rasters also ground sampling distance and bands."""


def write_tables(folder: Path, written: Written, split: Split, making: Making) -> None:
    """Write index.csv and dataset.json beside the pixels."""
    _write_index(folder / INDEX, written, split)
    classes = making.schema.to_dict()
    pixels = written.class_pixels.sum(axis=0)
    for entry in classes["classes"]:
        entry["pixels"] = int(pixels[entry["id"]])
    # Deep pixels are as stored, whatever the scale; but what a network learns from them depends on it.
    deep = [] if written.dtype == EIGHT_BITS else [written.dtype, json.dumps(making.told.get("value_scale"))]
    description = {
        "format": FORMAT,
        "terrazzo_version": __version__,
        "n_patches": len(written.image),
        "patch_size": written.patch_size,
        "bands": written.bands,
        **({} if written.dtype == EIGHT_BITS else {"dtype": written.dtype}),
        **making.told,
        **written.told,
        **classes,
        "splits": counts(split.sides),
        "split_method": split.method,
        "split_options": making.split.to_dict(),
        "leak": split.leak,
        "seed": making.split.seed,
        "places_known": written.places_known,
        "images": [_image(one) for one in written.sources],
        "notes": list(split.warnings),
        "content_hash": digest(written.pixel_hash, "".join(split.sides), json.dumps(classes), *deep),
        "key": making.key,
    }
    write_json(folder / DESCRIPTION, description)


def _image(source: Source) -> dict[str, Any]:
    """The entry of an image in dataset.json.

    `picture` is there only where it is a copy or version of another, `source` where there are several data sets, and
    the place where it is known.
    """
    about = {"name": source.name, "group": source.group, "height": source.height, "width": source.width}
    same = {} if source.picture is None else {"picture": source.picture}
    of = {} if source.data_set is None else {"source": source.data_set}
    return {**about, "hash": source.pixel_hash, **same, **of, **source.place}


def place_of(grid: "Grid", source_size: tuple[int, int] | None = None) -> dict[str, Any]:
    """Where the pixels of an image lie: `transform`, six numbers from (column, row) to coordinates, and `crs`.

    With a `source_size`, (height, width), that is not the grid's, it is named as well: the image was resampled.
    """
    size = {} if source_size in (None, (grid.height, grid.width)) else {"source_size": list(source_size or ())}
    if not grid.georeferenced:
        return size
    return {"transform": list(grid.transform)[:6], "crs": grid.crs and grid.crs.to_string(), **size}


def finished(out: Path, key: str) -> Patches | None:
    """The patches at `out` if they are whole and have this key; else None.

    Patches without a labelled pixel were written by a version that kept them, so those are not the same.
    """
    if not (out / DESCRIPTION).is_file():
        return None
    try:
        patches = open_patches(out)
    except PatchesError:
        return None
    return patches if patches.description.get("key") == key and patches.valid_pixels.all() else None
