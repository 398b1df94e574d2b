"""The calibration error of a model on scenes that it has not seen, with the temperature of its file and without.

    python -m benchmarks.calibration MODEL SCENE=TRUTH [SCENE=TRUTH ...] --work calibration
    python -m benchmarks.calibration model.safetensors new-places/scenes/tile-4.tif=new-places/scenes/tile-4.npy

TRUTH is a .npy of the model's class ids (H, W) on the scene's grid, 255 where there is no label. Each scene is cut for
the model (`terrazzo prepare --for`), and all its patches are scored (`terrazzo evaluate --split train`).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import terrazzo
from terrazzo.errors import InputError, TerrazzoError
from terrazzo.model.header import Header, read_header
from terrazzo.system.files import write_beside


def measure(model: Path, scene: Path, truth: Path, work: Path, device: str = "auto") -> dict[str, Any]:
    """The entry `calibration` of the scores of a model on a whole scene, with its `accuracy`."""
    folder = work / scene.stem
    labels = folder / "labels" / f"{scene.stem}.tif"
    if not labels.is_file():
        labels.parent.mkdir(parents=True, exist_ok=True)
        _write_labels(labels, scene, truth, read_header(model))
    patches = folder / "patches"
    if not patches.is_dir():
        terrazzo.prepare(scene, labels, out=patches, for_model=model)
    scores = terrazzo.evaluate(model, patches, split="train", device=device).scores
    return {"accuracy": scores["accuracy"], **scores["calibration"]}


def row_of(scene: Path, found: dict[str, Any]) -> str:
    """A row of the table."""
    shown = [f"{found[name]:.3f}" for name in ("accuracy", "ece_uncalibrated", "ece")]
    return f"| {scene.stem} | {shown[0]} | {found['temperature']:.3f} | {shown[1]} | {shown[2]} |"


def _write_labels(path: Path, scene: Path, truth: Path, header: Header) -> None:
    """The ids as a GeoTIFF on the scene's grid, with the names of the classes."""
    import rasterio

    from terrazzo.pixels.rasters.gdal import gdal

    ids = np.load(truth)
    with gdal(), rasterio.open(scene) as source:
        if ids.shape != source.shape:
            raise InputError(f"{truth}: has {ids.shape} px, {scene} {source.shape}; give labels on the scene's grid")
        where = {"crs": source.crs, "transform": source.transform} if source.crs else {}
    size = {"height": ids.shape[0], "width": ids.shape[1], "count": 1, "dtype": "uint8", "nodata": 255}
    with (
        write_beside(path) as temporary,
        gdal(),
        rasterio.open(temporary, "w", driver="GTiff", compress="deflate", **size, **where) as labels,
    ):
        labels.write(ids, 1)
        labels.update_tags(**{f"CLASS_{i}": name for i, name in enumerate(header.schema.names)})


def main(words: Sequence[str] | None = None) -> int:
    """Print a row for each scene; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("scenes", nargs="+", metavar="SCENE=TRUTH")
    parser.add_argument("--work", type=Path, default=Path("calibration"))
    parser.add_argument("--device", default="auto")
    given = parser.parse_args(words)
    print("| scene | accuracy | temperature | ECE at 1 | ECE with it |\n|---|---|---|---|---|")
    for word in given.scenes:
        scene, found, truth = word.partition("=")
        if not found:
            raise InputError(f"{word}: expected SCENE=TRUTH, as in tile-4.tif=tile-4.npy")
        print(row_of(Path(scene), measure(given.model, Path(scene), Path(truth), given.work, given.device)), flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TerrazzoError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
