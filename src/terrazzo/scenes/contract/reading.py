"""Photos and masks of scenes, decoded at a chosen scale and kept on disk for a second reading."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.pixels.image_files import read_header
from terrazzo.pixels.image_view import ImageView
from terrazzo.pixels.masks import Mask, read_mask, snap
from terrazzo.pixels.photos import read_photo
from terrazzo.scenes.annotations.drawing import Drawing
from terrazzo.scenes.scene import Scene
from terrazzo.system.files import digest


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo: `pixels` (H, W, 3), and its (height, width) in the file."""

    pixels: NDArray[np.uint8]
    file_size: tuple[int, int]
    turned: bool = False
    """Whether its EXIF orientation turned it; not kept for a second reading."""


@dataclass(frozen=True)
class Reader:
    """Reads scenes at 1 / `downsample` of their height and width (`ImageView` states the laws).

    With a folder `keep`, decoded pixels are stored there (3 to 6 bytes a pixel) and not decoded again. Memory: one
    photo or mask a call. Several threads may read, but not one scene at a time.
    """

    downsample: float = 1.0
    keep: Path | None = None

    def photo(self, scene: Scene) -> Photo:
        """The photo of a scene. Raises ImageError if it is damaged or of another kind."""
        kept = self._kept(scene, "photo")
        if kept is not None and kept.is_file():
            with np.load(kept, allow_pickle=False) as arrays:
                return Photo(arrays["pixels"], _pair(arrays["file_size"]))
        raw, where = scene.image.read(), scene.image.where
        view = ImageView("left" if scene.side_by_side else None, self.downsample)
        pixels, header = read_photo(raw, where, view), read_header(raw, where)
        photo = Photo(pixels, view.size_of(header.size), header.turned)
        if kept is not None:
            np.savez(kept, pixels=photo.pixels, file_size=photo.file_size)
        return photo

    def mask(self, scene: Scene) -> Mask:
        """The mask of a scene as stored, or as ids if its colours are lossy. Raises ImageError."""
        kept = self._kept(scene, "mask")
        if kept is not None and kept.is_file():
            return _load_mask(kept, scene.label.where)
        view = mask_view(scene, self.downsample)
        label = scene.label
        mask = label.mask(view) if isinstance(label, Drawing) else _mask_in_file(scene, view)
        if kept is not None:
            palette = np.zeros((0, 3), np.uint8) if mask.palette is None else mask.palette
            counts = (mask.n_snapped, mask.n_far, mask.n_twice, mask.n_outside)
            np.savez(kept, pixels=mask.pixels, palette=palette, file_size=mask.file_size, counts=counts)
        return mask

    def _kept(self, scene: Scene, what: str) -> Path | None:
        return None if self.keep is None else self.keep / f"{digest(scene.name)}.{what}.npz"


def mask_view(scene: Scene, downsample: float) -> ImageView:
    """The part of a scene's label file that is its mask."""
    return ImageView("right" if scene.side_by_side else None, downsample)


def _mask_in_file(scene: Scene, view: ImageView) -> Mask:
    as_ids = scene.label_ids is not None and scene.lossy is None
    mask = read_mask(scene.label.read(), scene.label.where, view, as_ids)
    return mask if scene.lossy is None else snap(mask, scene.lossy.schema, scene.lossy.distance)


def _load_mask(path: Path, where: str) -> Mask:
    with np.load(path, allow_pickle=False) as arrays:
        palette = arrays["palette"] if len(arrays["palette"]) else None
        return Mask(where, arrays["pixels"], palette, _pair(arrays["file_size"]), *arrays["counts"].tolist())


def _pair(values: NDArray[np.int64]) -> tuple[int, int]:
    return int(values[0]), int(values[1])
