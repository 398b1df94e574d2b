"""The places of a fold: patches of those that are trained on, stitched scenes and truth of those left out, and scores.

Everything is made once, below one folder, and shared by all methods and processes. A lock lets one process make it
while the others wait.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import terrazzo
from benchmarks.places.locks import locked
from benchmarks.places.rows import NAMED, UNNAMED
from terrazzo.classes.palettes import DUBAI
from terrazzo.errors import InputError
from terrazzo.system.files import digest, write_beside

FOLDS = ("1+8", "2+7", "4+5")
ALL = "all"
"""The fold of random patches: every tile is cut."""
SPLITS: dict[bool, dict[str, Any]] = {
    False: {"split": "block", "val": 0.1, "seed": 0},
    True: {"split": "patch", "val": 0.2, "seed": 0},
}
"""How patches are divided: of places, blocks that choose the epoch; by `leaky`, patches at random."""


@dataclass(frozen=True)
class Places:
    """The tiles of a data set, and the folder for what is made of them."""

    data: Path
    work: Path

    def tiles(self) -> dict[str, Path]:
        """The folders of the tiles by number. Raises InputError if there are none."""
        found = {path.name.removeprefix("Tile "): path for path in self.data.rglob("Tile *") if path.is_dir()}
        if not found:
            raise InputError(f"{self.data}: holds no folder `Tile N`; give the Dubai data set")
        return found

    def left_out(self, fold: str) -> dict[str, Path]:
        """The tiles of a fold such as `1+8`. Raises InputError at one that is not there, or if none is left."""
        tiles = self.tiles()
        names = fold.split("+")
        if missing := [name for name in names if name not in tiles]:
            raise InputError(f"--folds {fold}: no tile {missing[0]}; {self.data} has {', '.join(sorted(tiles))}")
        if len(set(names)) == len(tiles):
            raise InputError(f"--folds {fold}: leaves no tile to train on; leave some out of it")
        return {name: tiles[name] for name in names}

    def patches(self, fold: str, options: Mapping[str, Any]) -> Path:
        """The prepared patches of the tiles that a fold trains on; of all tiles, at random, for the fold `all`."""
        own = self.tiles() if fold == ALL else _without(self.tiles(), self.left_out(fold))
        folder = self.work / "prepared" / f"{fold}-{digest(repr(sorted(options.items())))[:8]}"
        with locked(folder):
            links = folder / "data"
            links.mkdir(parents=True, exist_ok=True)
            for tile in own.values():
                if not (links / tile.name).exists():
                    (links / tile.name).symlink_to(tile.resolve(), target_is_directory=True)
            out = folder / "patches"
            if not out.is_dir():  # it comes whole or not at all
                terrazzo.prepare(links, out=out, palette="dubai", **{**SPLITS[fold == ALL], **options})
        return out

    def scenes(self, fold: str) -> dict[str, Path]:
        """The stitched GeoTIFF of each tile that a fold leaves out, by the tile's name. `truth` reads its labels."""
        return {name: self._stitched(name, tile) for name, tile in self.left_out(fold).items()}

    def truth(self, tile: str) -> NDArray[np.uint8]:
        """The ids (H, W) of a stitched tile, 255 where there is no label."""
        ids: NDArray[np.uint8] = np.load(self._scene_path(tile).with_suffix(".npy"))
        return ids

    def _scene_path(self, tile: str) -> Path:
        return self.work / "scenes" / f"tile-{tile}.tif"

    def _stitched(self, name: str, tile: Path) -> Path:
        from terrazzo.scenes.detect import find_scenes
        from terrazzo.scenes.stitch import stitch_tile

        path = self._scene_path(name)
        with locked(path):
            if not path.is_file():
                found = [scene for scene in find_scenes(tile.parent).scenes if scene.group == tile.name]
                pixels, ids = stitch_tile(found)
                with write_beside(path.with_suffix(".npy")) as temporary:
                    np.save(temporary, ids)
                with write_beside(path) as temporary:
                    _write_scene(temporary, pixels)
        return path


def confusion_of(places: Places, maps: Mapping[str, Path]) -> NDArray[np.int64]:
    """The confusion matrix (6, 6) of maps (classes.tif by tile) against the truth, over all their labelled pixels."""
    from terrazzo.classes.confusion import confusion_matrices

    whole = np.zeros((DUBAI.n_classes, DUBAI.n_classes), np.int64)
    for tile, path in maps.items():
        whole += confusion_matrices(places.truth(tile)[None], _ids(path)[None], DUBAI.n_classes)[0]
    return whole


def scores_of(confusion: NDArray[np.int64]) -> dict[str, float | None]:
    """Accuracy, mean IoU of all and of the named classes, IoU by class, of a confusion matrix (rows are the truth).

    A class that the truth lacks has no IoU, and the mean of the five named classes leaves it out. The mean of all
    counts it as 0 where it was mapped, as `terrazzo evaluate` does.
    """
    from terrazzo.classes.confusion import class_counts
    from terrazzo.evaluation.metrics import Pooled, accuracy, iou, mean_iou

    pooled = Pooled(class_counts(confusion))
    shares, in_truth = iou(pooled), pooled.counts[1] > 0
    by_class = {
        name: float(share) if there else None for name, share, there in zip(NAMED, shares, in_truth, strict=True)
    }
    return {
        "accuracy": accuracy(pooled),
        "mean_iou_5": mean_of_named(by_class),
        "mean_iou": mean_iou(pooled),
        **{f"iou_{name}": value for name, value in by_class.items()},
    }


def mean_of_named(by_class: Mapping[str, float | None]) -> float | None:
    """The mean IoU of the named classes that have one."""
    shares = [value for name, value in by_class.items() if name != UNNAMED and value is not None]
    return sum(shares) / len(shares) if shares else None


def _without(tiles: Mapping[str, Path], left_out: Sequence[str] | Mapping[str, Path]) -> dict[str, Path]:
    return {name: path for name, path in tiles.items() if name not in left_out}


def _write_scene(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Pixels (H, W, 3) as a tiled GeoTIFF that lies nowhere."""
    import rasterio

    from terrazzo.pixels.rasters.gdal import gdal

    height, width, count = pixels.shape
    profile = {"dtype": "uint8", "tiled": True, "blockxsize": 512, "blockysize": 512}
    with gdal(), rasterio.open(path, "w", "GTiff", width, height, count, **profile) as scene:
        scene.write(pixels.transpose(2, 0, 1))


def _ids(path: Path) -> NDArray[np.uint8]:
    import rasterio

    from terrazzo.pixels.rasters.gdal import gdal

    with gdal(), rasterio.open(path) as classes:
        ids: NDArray[np.uint8] = classes.read(1)
        return ids
