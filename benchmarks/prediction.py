"""Rasters to maps, on the GPU where there is one: speed beside the bare network and geoai-py, and peak memory.

    python -m benchmarks.prediction speed                 # 4096 x 4096 px, U-Net ResNet34, 6 classes; about 5 minutes
    python -m benchmarks.prediction speed --without-geoai
    python -m benchmarks.prediction speed --beside-busy   # once more beside a process that keeps one core busy
    python -m benchmarks.prediction memory                # 2048 px wide, 4096, 16384 and 65536 rows, every output
    python -m benchmarks.prediction memory --ragged       # the same with a map of specks; about 20 minutes
    python -m benchmarks.prediction big                   # 40,000 x 40,000 px, a sparse file: half an hour, 2.5 GB

`speed` times three things in turn, `--rounds` times, each in a process of its own, and prints medians:

- the bare network: forward passes on ready tensors, as many windows as the raster has, from the first pass on;
- `terrazzo.predict`, classes.tif and areas.csv and the rest but polygons; once as the map's own clock tells it (without
  imports and loading of the model), once from call to return;
- geoai-py's `semantic_segmentation` at its defaults with the same network and weights, from call to return, in an
  environment of its own that the benchmark makes (`--geoai` names its folder, so that it is made once: 7 GB).

Then every runtime that is installed is timed side by side on the CPU (`benchmarks.runtimes`), unless
`--without-runtimes`.

Polygons are timed in one more run, on the map of a random network, which is far more ragged than a trained one's.
The weights are random: speed does not depend on them. Peak memory is that of the whole process, libraries included.
Needs a POSIX system.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prediction_memory import N_CLASSES, make_model
from benchmarks.ragged import make_ragged_model, make_ragged_scene
from benchmarks.runtimes import side_by_side

GEOAI = "geoai-py==0.40.1"
HEIGHTS = (4096, 16384, 65536)
BIG_SIDE, BIG_LIMIT_GB = 40_000, 2.5
_TILE = 1024


@contextmanager
def orthomosaic(path: Path, height: int, width: int) -> Iterator[Any]:
    """A GeoTIFF of three bands, open for writing: JPEG in tiles of 512 px, UTM, 10 cm."""
    import rasterio
    from rasterio.transform import from_origin

    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "height": height, "width": width, "tiled": True}
    profile |= {"blockxsize": 512, "blockysize": 512, "compress": "jpeg", "photometric": "ycbcr", "bigtiff": "if_safer"}
    with rasterio.open(path, "w", crs="EPSG:32640", transform=from_origin(5e5, 2.7e6, 0.1, 0.1), **profile) as scene:
        yield scene


def make_scene(path: Path, height: int, width: int) -> None:
    """An orthomosaic of smooth patches with sensor noise."""
    from PIL import Image
    from rasterio.windows import Window

    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(40, 220, (25, 25, 3), np.uint8))
    smooth = np.asarray(coarse.resize((_TILE, _TILE), Image.Resampling.BICUBIC)).astype(np.int16)
    tile = (smooth + rng.normal(0, 6, smooth.shape).astype(np.int16)).clip(0, 255).astype(np.uint8).transpose(2, 0, 1)
    with orthomosaic(path, height, width) as scene:
        for row in range(0, height, _TILE):
            for col in range(0, width, _TILE):
                part = tile[:, : height - row, : width - col]
                scene.write(part, window=Window(col, row, part.shape[2], part.shape[1]))


def make_sparse_scene(path: Path, side: int) -> None:
    """A scene whose header says side x side pixels and whose file holds none: all are black, and valid."""
    import rasterio
    from rasterio.transform import from_origin

    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "height": side, "width": side, "tiled": True}
    profile |= {"blockxsize": 512, "blockysize": 512, "sparse_ok": True, "bigtiff": "yes", "compress": "deflate"}
    with rasterio.open(path, "w", crs="EPSG:32640", transform=from_origin(5e5, 2.7e6, 0.1, 0.1), **profile):
        pass


def bare(folder: Path) -> dict[str, float]:
    """Seconds that the network alone takes for as many batches as the scene's map is made of."""
    import torch

    from terrazzo.model.bundle import load
    from terrazzo.model.windows.tiling import plan, window_batch
    from terrazzo.pixels.rasters.raster import read_raster

    model = load(folder / "model.safetensors", "auto", "auto")
    tiling, scene = plan(model.header), read_raster(folder / "scene.tif")
    rows, cols = tiling.axes(scene.height, scene.width)
    n_windows, size = len(rows.starts) * len(cols.starts), window_batch(model, tiling)
    pixels = torch.randint(0, 256, (size, 3, tiling.window, tiling.window), dtype=torch.uint8)
    pixels = pixels.to(model.compute.device).contiguous(memory_format=model.compute.memory_format)
    with torch.inference_mode(), model.compute.autocast():
        started = time.perf_counter()
        for _ in range(-(-n_windows // size)):
            model.network(pixels)
    if model.compute.device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    share = scene.height * scene.width / (n_windows * tiling.window**2)
    return {"seconds": seconds, "windows": n_windows, "raster_over_window_pixels": round(share, 4)}


def ours(folder: Path, vector_format: str) -> dict[str, Any]:
    """Seconds of `terrazzo.predict` after its imports."""
    import terrazzo

    terrazzo.load(folder / "model.safetensors")  # for its imports: the model is opened again below
    started = time.perf_counter()
    out = folder / f"map-{vector_format}"
    model = folder / "model.safetensors"
    done = terrazzo.predict(model, folder / "scene.tif", out=out, vector_format=vector_format, overwrite=True)
    from_call = time.perf_counter() - started
    record = done.rasters[0].record
    return {"from_call": from_call, "peak_rss_mb": record["peak_rss_mb"], **record["seconds"]}


def every_output(folder: Path, network: str) -> dict[str, Any]:
    """What run.json says of a map with everything that can be had."""
    import terrazzo

    done = terrazzo.predict(
        folder / f"{network}.safetensors", folder / "scene.tif", out=folder / "map", confidence=True, probabilities=True
    )
    record = done.rasters[0].record
    figures = {name: record[name] for name in ("peak_rss_mb", "mpx_per_s")}
    return figures | {f"n_{name}": n for name, n in record["polygons"].items()} | record["seconds"]


GEOAI_RUN = f"""
import sys, time, torch
from geoai.train import semantic_segmentation
weights, scene, out = sys.argv[1:]
started = time.perf_counter()
semantic_segmentation(scene, out, weights, num_classes={N_CLASSES}, device=torch.device("cpu"), quiet=True)
print("SECONDS", time.perf_counter() - started)
"""


def geoai(folder: Path, environment: Path) -> float:
    """Seconds of geoai-py's prediction at its defaults, after its imports."""
    command = [environment / "bin" / "python", "-c", GEOAI_RUN]
    command += [folder / "weights.pth", folder / "scene.tif", folder / "geoai.tif"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return float(said.split("SECONDS")[1])


def make_geoai_environment(environment: Path) -> None:
    """An environment with geoai-py, unless it is there; it takes 7 GB."""
    python = environment / "bin" / "python"
    if python.is_file():
        return
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", GEOAI], check=True)


def make_weights(folder: Path) -> None:
    """The same network with random weights as a plain state dict, as geoai-py loads it."""
    import segmentation_models_pytorch as smp
    import torch

    torch.save(smp.Unet("resnet34", encoder_weights=None, classes=N_CLASSES).state_dict(), folder / "weights.pth")


def in_process(step: str, folder: Path, *more: str) -> dict[str, Any]:
    """What one step of this file finds out, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.prediction", "step", step, str(folder), *more]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def run_step(step: str, folder: Path, more: list[str]) -> dict[str, Any]:
    """One step, in this process."""
    if step == "ragged":
        make_ragged_scene(folder / "scene.tif", *map(int, more))
        make_ragged_model(folder / "model.safetensors")
    elif step == "scene":
        make_scene(folder / "scene.tif", *map(int, more))
    elif step == "sparse":
        make_sparse_scene(folder / "scene.tif", int(more[0]))
    elif step == "model":
        make_model(folder / "model.safetensors", more[0])
        make_weights(folder)
    else:
        return {"bare": bare, "ours": ours, "every": every_output}[step](folder, *more)
    return {}


def speed(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Megapixels a second, and the ratios."""
    if arguments.geoai_wanted:
        if arguments.network != "resnet34":
            sys.exit("--network: geoai-py is compared with resnet34 alone; add --without-geoai")
        make_geoai_environment(arguments.geoai)
    in_process("scene", folder, str(arguments.side), str(arguments.side))
    in_process("model", folder, arguments.network)
    found: dict[str, list[float]] = {"bare": [], "map": [], "from_call": [], "geoai": []}
    share = 0.0
    for _ in range(arguments.rounds):
        alone = in_process("bare", folder)
        found["bare"].append(alone["seconds"])
        share = alone["raster_over_window_pixels"]
        made = in_process("ours", folder, "none")
        found["map"].append(made["total"])
        found["from_call"].append(made["from_call"])
        if arguments.geoai_wanted:
            found["geoai"].append(geoai(folder, arguments.geoai))
    polygons = in_process("ours", folder, "gpkg")
    megapixels = arguments.side**2 / 1e6
    seconds = {name: statistics.median(taken) for name, taken in found.items() if taken}
    result = {f"{name}_mpx_per_s": round(megapixels / taken, 3) for name, taken in seconds.items()}
    result |= {"bare_over_map_seconds": round(statistics.median(np.divide(found["bare"], found["map"])), 3)}
    result |= {"raster_over_window_pixels": share, "polygons_seconds": polygons["polygons"]}
    if arguments.runtimes_wanted:
        result["runtimes"] = side_by_side(folder, megapixels, arguments.rounds, arguments.beside_busy)
    if arguments.geoai_wanted:
        result["times_geoai"] = round(statistics.median(np.divide(found["geoai"], found["from_call"])), 2)
    return result


def memory(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Peak memory by height, all outputs included, and the largest over the smallest."""
    network = "given" if arguments.model else "ragged" if arguments.ragged else arguments.network
    if not arguments.ragged:
        in_process("model", folder, network)
    peaks = {}
    for height in arguments.heights:
        in_process("ragged" if arguments.ragged else "scene", folder, str(height), "2048")
        if arguments.model:
            shutil.copy(arguments.model, folder / "model.safetensors")
        with tempfile.TemporaryDirectory(dir=folder) as name:
            os.link(folder / "model.safetensors", Path(name) / f"{network}.safetensors")
            os.link(folder / "scene.tif", Path(name) / "scene.tif")
            peaks[height] = in_process("every", Path(name), network)
        print(height, json.dumps(peaks[height]), flush=True)
    in_mb = [found["peak_rss_mb"] for found in peaks.values()]
    return {"peak_rss_mb": dict(zip(peaks, in_mb, strict=True)), "largest_over_smallest": max(in_mb) / min(in_mb)}


def big(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Peak memory and speed of one very large raster with every output."""
    in_process("sparse", folder, str(arguments.big_side))
    in_process("model", folder, "resnet34")
    (folder / "model.safetensors").rename(folder / "resnet34.safetensors")
    return in_process("every", folder, "resnet34") | {"limit_gb": BIG_LIMIT_GB}


def main() -> None:
    """Print what was measured as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("speed", "memory", "big", "step"))
    parser.add_argument("more", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-geoai", dest="geoai_wanted", action="store_false")
    parser.add_argument("--without-runtimes", dest="runtimes_wanted", action="store_false")
    parser.add_argument("--beside-busy", action="store_true", help="speed: once more beside a busy core")
    parser.add_argument("--geoai", type=Path, default=Path(tempfile.gettempdir()) / "geoai-environment")
    parser.add_argument("--network", choices=("small", "resnet34"), default="resnet34")
    parser.add_argument("--ragged", action="store_true", help="memory: on a map of specks, with a network of its own")
    parser.add_argument("--model", type=Path, help="memory: a model.safetensors of your own in place of random weights")
    parser.add_argument("--heights", type=int, nargs="+", default=HEIGHTS)
    parser.add_argument("--big-side", type=int, default=BIG_SIDE)
    parser.add_argument("--scratch", type=Path, help="Folder for the scenes and maps; the system's temporary one.")
    arguments = parser.parse_args()
    if arguments.beside_busy and not (arguments.what == "speed" and arguments.runtimes_wanted):
        parser.error("--beside-busy: is for speed with its runtimes; leave it out")
    if arguments.what == "step":
        step, folder, *more = arguments.more
        print(json.dumps(run_step(step, Path(folder), more)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as name:
        found = {"speed": speed, "memory": memory, "big": big}[arguments.what](arguments, Path(name))
    print(json.dumps({"machine": platform.machine(), "cores": os.cpu_count(), **found}, indent=1))


if __name__ == "__main__":
    main()
