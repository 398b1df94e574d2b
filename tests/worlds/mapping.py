"""Networks of a few lines, rasters with holes, and the maps of them."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from terrazzo.cli import main
from terrazzo.maps.engines.local import Engine, LocalEngine
from terrazzo.maps.jobs.job import RasterJob, plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.pieces.sums import UNIT, weighted
from terrazzo.maps.rasters.looking import Looking
from terrazzo.maps.rasters.raster_map import Step, compute_raster
from terrazzo.model.header import Header
from terrazzo.model.normalization import Normalization
from terrazzo.model.opening import ModelFile
from terrazzo.model.predictor import Predictor
from terrazzo.model.windows.tiling import Tiling
from terrazzo.system.files import file_digest
from terrazzo.system.reporting import Say, quiet
from tests.worlds.headers import HEADER
from tests.worlds.rasters import noise, write_raster

MEAN = Normalization("unit", (100 / 255, 150 / 255, 50 / 255), (1.0,) * 3)

TILING = Tiling(32, 8, 32)

CLASSES_ALONE = MapOptions()
OPTIONS = MapOptions(confidence=True, run=(1, 2))


@dataclass(frozen=True)
class Convolving:
    """A network of one random 5 x 5 convolution: each class's logit depends on the pixels around and on the border."""

    header: Header
    seed: int = 0
    batch_pixels: int = 3 * 32 * 32

    def classify(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        kernel = np.random.default_rng(self.seed).normal(size=(3, pixels.shape[1], 5, 5)).astype(np.float32)
        image = np.pad(pixels.astype(np.float32) / 255, ((0, 0), (0, 0), (2, 2), (2, 2)))
        height, width = pixels.shape[2:]
        logits = np.zeros((len(pixels), 3, height, width), np.float32)
        for (i, j), (k, c) in itertools.product(np.ndindex(5, 5), np.ndindex(3, pixels.shape[1])):
            logits[:, k] += kernel[k, c, i, j] * image[:, c, i : i + height, j : j + width]
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True)
class Greatest:
    """A model that looks at each pixel alone; its class is the greatest band. It remembers what it was shown."""

    header: Header
    seen: list[NDArray[np.uint8]]
    batch_pixels: int = 3 * 32 * 32

    def classify(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.seen.append(pixels.copy())
        exponents = np.exp(pixels.astype(np.float32) - pixels.max(axis=1, keepdims=True))
        probs = np.resize(exponents.swapaxes(0, 1), (3, *exponents[:, 0].shape)).swapaxes(0, 1)
        return np.asarray(probs / probs.sum(axis=1, keepdims=True), np.float32)


def model_file(tmp_path: Path, tiling: Tiling = TILING, bands: int = 3, patch_size: int = 32) -> ModelFile:
    normalization = MEAN if bands == 3 else Normalization("unit", (0.4,) * bands, (1.0,) * bands)
    header = replace(HEADER, normalization=normalization, bands=bands, patch_size=patch_size)
    return ModelFile(tmp_path / "model.safetensors", "digest", header, tiling, "cpu", "32")


def map_raster(
    engine: Engine,
    job: RasterJob,
    step: Step,
    *,
    restart: bool = False,
    say: Say = quiet,
    looking: Looking | None = None,
) -> dict[str, Any]:
    """The map of one raster, computed and written; the content of run.json."""
    written = compute_raster(engine, job, step, restart=restart, say=say, looking=looking).write()
    for line in written.notes:
        say(line)
    return written.record


def map_here(
    job: RasterJob, model: Predictor, restart: bool = False, step: Callable[[int], None] = lambda pixels: None
) -> dict[str, Any]:
    """The map of a raster by an opened model, in this process; what run.json says."""
    return map_raster(LocalEngine(lambda: model), job, step, restart=restart)


def mapped(raster: Path, out: Path, options: MapOptions = CLASSES_ALONE, **model: Any) -> dict[str, Any]:
    """The map of a raster by the convolving network; what run.json says."""
    file = model_file(out.parent, **model)
    return map_here(plan_map(raster, out, file, options), Convolving(file.header))


def read_map(path: Path) -> NDArray[np.uint8]:
    with rasterio.open(path) as dataset:
        bands: NDArray[np.uint8] = dataset.read()
        return bands


def contents(folder: Path, done: bool = True) -> dict[str, str]:
    """The hashes of a map's files; run.json has timings."""
    assert (folder / ".partial").exists() != done
    return {path.name: file_digest(path) for path in folder.iterdir() if path.name not in ("run.json", ".partial")}


def holey(path: Path, height: int, width: int) -> Path:
    """Noise with an invalid disc, an invalid right end and single invalid pixels."""
    bands = noise(3, height, width)
    rows, cols = np.indices((height, width))
    invalid = (rows - 40) ** 2 + (cols - 30) ** 2 < 15**2
    invalid |= cols > 0.8 * width
    invalid |= noise(height, width, seed=1) < 3
    bands[:, invalid] = 0
    return write_raster(path, bands, nodata=0)


def blend_in_one_go(pixels: NDArray[np.uint8], model: Convolving, tiling: Tiling) -> NDArray[np.uint8]:
    """Class ids (H, W) of a raster (H, W, C) without invalid pixels, all sums in memory."""
    height, width, _ = pixels.shape
    rows, cols = tiling.axes(height, width)
    sums = np.zeros((3, rows.starts[-1] + rows.window, cols.starts[-1] + cols.window), np.int32)
    padded = np.pad(pixels, ((0, sums.shape[1] - height), (0, sums.shape[2] - width), (0, 0)), mode="symmetric")
    for (i, row), (j, col) in itertools.product(enumerate(rows.starts), enumerate(cols.starts)):
        window = padded[row : row + rows.window, col : col + cols.window].transpose(2, 0, 1)
        terms = weighted(model.classify(window[None])[0], rows.weights[i], cols.weights[j])
        sums[:, row : row + rows.window, col : col + cols.window] += terms
    assert abs(sums[:, :height, :width].sum(axis=0) - UNIT).max() < 40, "the weights of a pixel sum to 1"
    return sums[:, :height, :width].argmax(axis=0).astype(np.uint8)


def exit_code(words: list[str]) -> int:
    try:
        code = main(words)
    except SystemExit as stopped:
        code = stopped.code
    return int(code or 0)
