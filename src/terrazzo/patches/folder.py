"""The folder of patches that training and evaluation read.

- images.npy: (N, S, S, C) uint8, uint16, int16 or float32, memory-mapped
- masks.npy: (N, S, S) uint8 class ids, 255 = ignore
- index.csv: one line a patch: patch,image,group,row,col,split,valid_pixels
- dataset.json: classes, splits, leak, images with their hashes, options, content hash
"""

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import ClassTableError, PatchesError
from terrazzo.patches.description import check_description
from terrazzo.patches.options import NONE_HELD_OUT
from terrazzo.patches.splits.origins import SIDES
from terrazzo.pixels.bands.depth import EIGHT_BITS, Pixels, as_floats
from terrazzo.pixels.bands.kinds import rgb_places
from terrazzo.pixels.bands.reading import BandReading, Pairs
from terrazzo.system.files import Mark
from terrazzo.system.reporting import first_line, how_many

IMAGES, MASKS, INDEX, DESCRIPTION = "images.npy", "masks.npy", "index.csv", "dataset.json"
INDEX_FIELDS = ("patch", "image", "group", "row", "col", "split", "valid_pixels")
FORMAT = 1
MARK = Mark((IMAGES, MASKS, INDEX, DESCRIPTION), ((DESCRIPTION, '"terrazzo_version"'), (INDEX, ",".join(INDEX_FIELDS))))
"""How a folder is recognised as patches."""


@dataclass(frozen=True)
class Patches:
    """A finished set of patches; pixels stay on disk until they are indexed."""

    path: Path
    schema: ClassSchema
    description: dict[str, Any]
    """The content of dataset.json."""
    image_of: NDArray[np.int64]
    """(N,) the number of each patch's image."""
    corners: NDArray[np.int64]
    """(N, 2) row and col of each patch's top left pixel in its image."""
    sides: NDArray[np.str_]
    """(N,) train, val or test; none in the buffer between blocks."""
    valid_pixels: NDArray[np.int64]
    """(N,) pixels that have a class."""

    def __len__(self) -> int:
        return len(self.image_of)

    @cached_property
    def images(self) -> Pixels:
        """(N, S, S, C) of the type `dtype`, memory-mapped, read-only."""
        return self._map(IMAGES, (len(self), self.patch_size, self.patch_size, self.bands), self.dtype)

    @cached_property
    def masks(self) -> NDArray[np.uint8]:
        """(N, S, S) uint8 class ids, memory-mapped, read-only."""
        return self._map(MASKS, (len(self), self.patch_size, self.patch_size), EIGHT_BITS)

    @property
    def patch_size(self) -> int:
        """Height and width of a patch in pixels."""
        return int(self.description["patch_size"])

    @property
    def bands(self) -> int:
        """Bands of the images."""
        return int(self.description["bands"])

    @property
    def fit(self) -> str:
        """crop, pad or resize."""
        return str(self.description["fit"])

    @property
    def downsample(self) -> float:
        """The images were read at 1 / this of their height and width."""
        return float(self.description.get("downsample", 1.0))

    @property
    def gsd_m(self) -> float | None:
        """Ground sampling distance in metres; None where it is not known."""
        gsd_m = self.description.get("gsd_m")
        return None if gsd_m is None else float(gsd_m)

    @cached_property
    def source_names(self) -> tuple[str, ...]:
        """The names of the data sets that were prepared together; empty where there was one without a name."""
        return tuple(source["name"] for source in self.description.get("sources", ()))

    @cached_property
    def image_sources(self) -> NDArray[np.int64]:
        """The number of the data set of each image, by image number; 0 where there was one."""
        names = self.source_names
        of = [names.index(image["source"]) if names else 0 for image in self.description["images"]]
        return np.array(of, np.int64)

    @property
    def band_reading(self) -> BandReading | None:
        """How the bands of rasters were read; None where the images were ordinary pictures."""
        if "band_names" not in self.description:
            return None
        scale = self.description.get("value_scale")
        known = None if scale is None or self.deep else scale
        if known is not None:
            known = tuple(map(tuple, known)) if isinstance(known[0], list) else (known[0], known[1])
        return BandReading(tuple(self.description["band_names"]), known)

    @property
    def dtype(self) -> str:
        """The pixel type of the images; uint8 in folders that do not say."""
        return str(self.description.get("dtype", EIGHT_BITS))

    @property
    def deep(self) -> bool:
        """Whether the pixels are stored values of more than 8 bits."""
        return self.dtype != EIGHT_BITS

    @property
    def scale(self) -> Pairs:
        """Of deep pixels, the low and high value that was given for each band; None for a band without one."""
        scale = self.description.get("value_scale") if self.deep else None
        pairs = scale or [None] * self.bands
        return tuple(None if pair is None else (float(pair[0]), float(pair[1])) for pair in pairs)

    def pixels(self, rows: NDArray[np.int64] | list[int]) -> Pixels:
        """The patches of these numbers, (n, S, S, C): uint8, or float32 with NaN where a value is missing."""
        stored = self.images[rows]
        return as_floats(stored) if self.deep else stored

    def picture(self, row: int) -> NDArray[np.uint8]:
        """A patch to look at, (S, S, 3): red, green and blue where the bands' names say so, else the first bands.

        Deep values are stretched between the 2nd and the 98th percentile of the training patches.
        """
        pixels = self.pixels([row])[0]
        names = self.description.get("band_names", ())
        places = rgb_places(names) or (tuple(range(3)) if self.bands >= 3 else (0, 0, 0))
        pixels = pixels[..., list(places)]
        if not self.deep:
            return np.asarray(pixels, np.uint8)
        low, high = np.array([self.description["value_range"][place] for place in places], np.float32).T
        grey = (np.where(np.isnan(pixels), low, pixels) - low) * (
            255 / np.maximum(high - low, np.finfo(np.float32).tiny)
        )
        return np.asarray(np.rint(grey.clip(0, 255)), np.uint8)

    @property
    def content_hash(self) -> str:
        """Hash of pixels, masks and index: equal hashes are equal data and equal splits."""
        return str(self.description["content_hash"])

    @property
    def none_held_out(self) -> bool:
        """Whether every patch is in train, as of corrections: there is no validation side."""
        return bool(self.description["split_method"] == NONE_HELD_OUT)

    @property
    def leak(self) -> dict[str, float]:
        """Shares of validation pixels that leak (`splits.leak`), and the buffer of a block split.

        Empty where none is held out.
        """
        return dict(self.description["leak"])

    @cached_property
    def image_names(self) -> tuple[str, ...]:
        """Names of the images, by image number."""
        return tuple(image["name"] for image in self.description["images"])

    @cached_property
    def image_groups(self) -> tuple[str, ...]:
        """The group of each image, by image number."""
        return tuple(image["group"] for image in self.description["images"])

    @cached_property
    def image_pictures(self) -> NDArray[np.int64]:
        """The number of the picture of each image, by image number; copies and versions share one."""
        return np.array([image.get("picture", i) for i, image in enumerate(self.description["images"])], np.int64)

    @cached_property
    def places_known(self) -> bool:
        """Whether each image has a place: a group of its layout, or coordinates.

        Patches of earlier versions do not say so; there it is known if any group holds two images.
        """
        of_groups = len(set(self.image_groups)) < len(self.image_groups)
        return bool(self.description.get("places_known", of_groups))

    @cached_property
    def image_hashes(self) -> tuple[str, ...]:
        """The hash of each image's pixels, by image number."""
        return tuple(image["hash"] for image in self.description["images"])

    def rows(self, split: str) -> NDArray[np.int64]:
        """The numbers of the patches of a split, ascending. Raises PatchesError where it is unknown or empty."""
        if split not in SIDES:
            raise PatchesError(f"--split {split}: expected {', '.join(SIDES)}")
        rows = np.flatnonzero(self.sides == split)
        if len(rows) == 0:
            if self.none_held_out:
                raise PatchesError(
                    f"{self.path}: its {how_many(len(self), 'patch')} are all in train ({NONE_HELD_OUT}), so its split "
                    f"{split} has none; use other patches, or prepare these with --val 0.2"
                )
            shares = ", ".join(f"{side} {count}" for side, count in self.description["splits"].items())
            raise PatchesError(f"{self.path}: its split {split} has no patches ({shares}); prepare with --{split} 0.2")
        return rows

    def _map(self, name: str, shape: tuple[int, ...], dtype: str) -> Pixels:
        path = self.path / name
        try:
            array: Pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, SyntaxError, TokenError) as error:  # numpy reads the header as Python's literals
            raise PatchesError(f"{path}: cannot be mapped ({first_line(error)}); prepare the patches again") from error
        if array.shape != shape or array.dtype.name != dtype:
            raise PatchesError(
                f"{path}: holds {array.dtype} {array.shape}, dataset.json says {dtype} {shape}; "
                "prepare the patches again"
            )
        return array


def open_patches(path: Path) -> Patches:
    """The patches in a folder that `prepare` wrote. Raises PatchesError saying what is missing or damaged."""
    path = Path(path)
    if not path.is_dir():
        found = "is a file" if path.exists() else "no such folder"
        raise PatchesError(f"{path}: {found}; expected the folder that `terrazzo prepare` wrote")
    try:
        description = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
        check_description(description)
        with (path / INDEX).open(encoding="utf-8", newline="") as stream:
            index = list(csv.DictReader(stream))
        patches = Patches(
            path,
            ClassSchema.from_dict(description),
            description,
            np.array([int(row["image"]) for row in index], np.int64),
            np.array([(int(row["row"]), int(row["col"])) for row in index], np.int64).reshape(-1, 2),
            np.array([row["split"] for row in index], dtype="<U5"),
            np.array([int(row["valid_pixels"]) for row in index], np.int64),
        )
        consistent = len(patches) == description["n_patches"] and description["format"] == FORMAT
        consistent &= bool(((patches.image_of >= 0) & (patches.image_of < len(description["images"]))).all())
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        raise PatchesError(f"{path}: has no {missing}; expected a folder that `terrazzo prepare` wrote") from error
    except (OSError, ValueError, KeyError, TypeError, ClassTableError) as error:
        raise PatchesError(
            f"{path}: is damaged ({type(error).__name__}: {error}); prepare the patches again"
        ) from error
    if not consistent:
        raise PatchesError(f"{path}: index.csv and dataset.json do not agree; prepare the patches again")
    _ = patches.images, patches.masks
    return patches
