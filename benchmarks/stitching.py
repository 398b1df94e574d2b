"""A Dubai tile mapped as the one scene that it is, beside its nine parts mapped alone: accuracy, seams, a picture.

    python -m benchmarks.stitching DATA MODEL --tiles "Tile 4" "Tile 5" --out stitched

DATA is the Dubai set, MODEL a model.safetensors, best one that has not seen these tiles. A part's border pixels are
seen without what lies beyond; in the scene they are not. Printed for each tile: accuracy and mean IoU of both maps, and
across the seams between the parts the share of neighbouring pixels of two classes, over the same share of all other
neighbouring rows and columns: 1 means that nothing shows. OUT/TILE.jpg has image, truth, scene, parts.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image

import terrazzo
from terrazzo.classes.confusion import class_counts, confusion_matrices
from terrazzo.classes.schema import IGNORE, ClassSchema
from terrazzo.evaluation.metrics import Pooled, Scores
from terrazzo.model.header import read_header
from terrazzo.pixels.rasters.gdal import gdal
from terrazzo.scenes.detect import find_scenes
from terrazzo.scenes.scene import Scene
from terrazzo.scenes.stitch import SIDE, stitch_tile

PANEL_PX = 1000
_GAP = 10


def write_scene(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Pixels (H, W, 3) as a GeoTIFF that lies nowhere."""
    height, width, count = pixels.shape
    with gdal(), rasterio.open(path, "w", "GTiff", width, height, count, dtype="uint8") as scene:
        scene.write(pixels.transpose(2, 0, 1))


def cuts(length: int) -> list[int]:
    """Where a side of the scene is cut into its parts, ends included. The Dubai parts are equal, or one pixel apart."""
    return [round(i * length / SIDE) for i in range(SIDE + 1)]


def map_of(model: Path, pixels: NDArray[np.uint8], folder: Path, name: str) -> NDArray[np.uint8]:
    """Class ids (H, W) as `predict` writes them."""
    write_scene(folder / f"{name}.tif", pixels)
    done = terrazzo.predict(model, folder / f"{name}.tif", out=folder / "maps", vector_format="none")
    with gdal(), rasterio.open(done.rasters[0].folder / "classes.tif") as classes:
        ids: NDArray[np.uint8] = classes.read(1)
        return ids


def seam_ratio(ids: NDArray[np.uint8], seams: tuple[Sequence[int], Sequence[int]]) -> float:
    """Changes of class across the seams (rows, columns) over those across all other neighbouring rows and columns."""
    at_seams, elsewhere = [], []
    for axis, places in enumerate(seams):
        along = np.moveaxis(ids, axis, 0)
        changed = (along[1:] != along[:-1]).mean(axis=1)
        is_seam = np.isin(np.arange(1, len(along)), places)
        at_seams.append(changed[is_seam])
        elsewhere.append(changed[~is_seam])
    return float(np.concatenate(at_seams).mean() / np.concatenate(elsewhere).mean())


def picture(path: Path, image: NDArray[np.uint8], maps: Sequence[NDArray[np.uint8]], schema: ClassSchema) -> None:
    """The image and maps side by side, in their classes' colours."""
    panels = [image]
    for ids in maps:
        colors = schema.decode(ids)
        colors[ids == IGNORE] = 255
        panels.append(colors)
    small = [Image.fromarray(panel) for panel in panels]
    for panel in small:
        panel.thumbnail((PANEL_PX, PANEL_PX), Image.Resampling.NEAREST)
    width, height = small[0].size
    sheet = Image.new("RGB", (len(small) * (width + _GAP) - _GAP, height), "white")
    for i, panel in enumerate(small):
        sheet.paste(panel, (i * (width + _GAP), 0))
    sheet.save(path, quality=88)


def compare(model: Path, tile: str, scenes: Sequence[Scene], out: Path) -> dict[str, object]:
    """One tile both ways."""
    schema = read_header(model).schema
    image, truth = stitch_tile(scenes, schema)
    rows, cols = cuts(image.shape[0]), cuts(image.shape[1])
    parts = np.empty_like(truth)
    with tempfile.TemporaryDirectory() as name:
        whole = map_of(model, image, Path(name), "whole")
        for i in range(SIDE):
            for j in range(SIDE):
                place = slice(rows[i], rows[i + 1]), slice(cols[j], cols[j + 1])
                parts[place] = map_of(model, image[place], Path(name), f"part-{i}{j}")
    picture(out / f"{tile}.jpg", image, (truth, whole, parts), schema)
    told: dict[str, object] = {"tile": tile, "height": len(truth), "width": truth.shape[1]}
    for way, ids in (("scene", whole), ("parts", parts)):
        counts = class_counts(confusion_matrices(truth[None], ids[None], schema.n_classes)[0])
        scores = Scores.of(Pooled(counts), schema.names, "counts")
        told[way] = {
            "accuracy": round(scores["accuracy"], 4),
            "mean_iou": round(scores["mean_iou"], 4),
            "seam_ratio": round(seam_ratio(ids, (rows[1:-1], cols[1:-1])), 3),
        }
    told["ids_that_differ"] = round(float((whole != parts).mean()), 4)
    return told


def main() -> None:
    """Print one line of JSON a tile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--tiles", nargs="+", default=["Tile 4", "Tile 5"])
    parser.add_argument("--out", type=Path, default=Path("stitched"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    found = find_scenes(arguments.data).scenes
    for tile in arguments.tiles:
        scenes = [scene for scene in found if scene.group == tile]
        print(json.dumps(compare(arguments.model, tile, scenes, arguments.out)), flush=True)


if __name__ == "__main__":
    main()
