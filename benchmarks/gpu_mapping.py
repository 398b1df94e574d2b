"""The part of `benchmarks.gpu` that maps: a raster of real pixels, by a network that has learnt a little.

A random network's map is specks, whose polygons take many times as long as a trained one's. So the network is trained
for a few epochs first, and the raster is made of the patches' own images, side by side.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import terrazzo
from benchmarks.prediction import bare, orthomosaic, ours
from benchmarks.whole import whole
from terrazzo.patches.folder import Patches, open_patches


def make_mosaic(path: Path, patches: Patches, side: int) -> None:
    """An orthomosaic of training patches, row by row and again from the first."""
    from rasterio.windows import Window

    size, rows = patches.patch_size, patches.rows("train")
    across = -(-side // size)
    with orthomosaic(path, side, side) as scene:
        for line in range(across):
            chosen = np.resize(np.roll(rows, -line * across), across)
            strip = np.concatenate([patches.images[row] for row in chosen], axis=1)[: side - line * size, :side]
            scene.write(strip.transpose(2, 0, 1), window=Window(0, line * size, side, len(strip)))


def of_mapping(path: Path, recipe: str, epochs: int, side: int, device: str) -> dict[str, Any]:
    """A raster to a map with and without polygons, over the bare network. The patches are those of photos."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        changes = {"model.encoder_weights": "none", "train.batch_size": 32}
        run = whole(
            terrazzo.train(path, out=folder / "run", recipe=recipe, epochs=epochs, changes=changes, device=device)
        )
        run.model.rename(folder / "model.safetensors")
        make_mosaic(folder / "scene.tif", open_patches(path), side)
        bare(folder)  # the first passes choose algorithms
        alone, mapped, polygons = bare(folder)["seconds"], ours(folder, "none"), ours(folder, "gpkg")
    mpx = side**2 / 1e6
    return {
        "raster_mpx": mpx,
        "mpx_per_s": {"bare": mpx / alone, "map": mpx / mapped["total"], "map and polygons": mpx / polygons["total"]},
        "map_over_bare": alone / mapped["total"],
        "map_and_polygons_over_bare": alone / polygons["total"],
        "seconds": {"map": mapped, "map and polygons": polygons},
    }
