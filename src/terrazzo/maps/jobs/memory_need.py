"""The memory that mapping a raster takes, and how large its pieces may be within a limit.

Figures are upper estimates of the peak resident memory of the process in bytes, libraries included, on a CPU. They come
from measurements. A limit can change the pieces alone: the windows of a batch are part of what a map is made from. For
a ResNet34 U-Net of six classes and 12.6 Mpx in pieces of 2 x 2 windows the estimate is 1.57 GB; 1.22 GB were measured
(bf16).
"""

from collections.abc import Callable
from dataclasses import dataclass

from terrazzo.errors import InputError
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.outputs.pyramid import BLOCK
from terrazzo.maps.pieces.lattice import SUM_BYTES, Lattice
from terrazzo.maps.pieces.sums import BANDS, CONFIDENCE, PROBABILITIES, SECOND
from terrazzo.maps.pieces.working_grid import SOURCE_PIXELS, WorkingGrid
from terrazzo.maps.polygons.mapping_unit import STRIP_ROWS
from terrazzo.model.averaging.views import NONE, Views
from terrazzo.model.opening import ModelFile
from terrazzo.model.predictor import CPU_BATCH_PIXELS
from terrazzo.pixels.bands.depth import EIGHT_BITS
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.reading import Choice
from terrazzo.system.devices import TORCH
from terrazzo.system.sizes import size_words

MB = 1_000_000
TORCH_LIBRARIES = 820 * MB
"""Measured 650 to 780 after importing torch, rasterio, pyogrio and the command line. More pages are counted if the
system has the libraries' files in its cache, as after installing them."""
ENCODER_LIBRARIES = 250 * MB
"""Measured 200 to 225 for segmentation-models-pytorch, which networks with an encoder need."""
ONNX_LIBRARIES = 300 * MB
"""Measured 190 after importing onnx, onnxruntime, rasterio, pyogrio and the command line; more with a full cache."""
GDAL_BYTES = 100 * MB
"""The cache, capped at 64 MiB, and the compression of a tile."""
WEIGHT_COPIES, ONNX_WEIGHT_COPIES = 2.5, 6
"""The network, the file's weights while they are loaded, and the reordered weights of convolutions. The graph of an
.onnx is held as read, written again and parsed: measured 5."""
ACTIVATION_BYTES = {"unet": 750, "unetplusplus": 1900}
"""Bytes of a pixel of a batch in a network with an encoder, in float32. Measured for U-Net 530
(ResNet34), 620 (EfficientNet-Lite0), 700 (EfficientNet-B4); for U-Net++ 1690 (ResNet34)."""
OTHER_ACTIVATION_BYTES = 1000
"""The same for other architectures: measured 710 for DeepLabV3+ (ResNet50)."""
FILTER_BYTES = 35
CLASSIC_BYTES = 220
"""The same for a classic U-Net: for each filter of its top level, and in addition. Measured 187 for 3 filters, 629 for
16, and 313 for 3 in onnxruntime."""
CLASS_BYTES = 16
"""Logits and probabilities of a pixel of a batch, for each class above six; the figures above include six."""
FINISHING_BYTES = 8
"""Masks and layers of a pixel of a piece, while it is finished and waits to be written."""
SUM_COPIES = 2
"""Sums that a piece shares with others are copied until they are written; in the smallest pieces, that is all."""
READING_BYTES = 4
"""Bytes of a band of a pixel while a row of windows is read: as stored, transposed, copied. As floats: 20."""
READING_FLOAT_BYTES = 20
RESAMPLING_DEEP_BYTES = 45
"""Bytes of a band of a pixel of deeper values while it is resampled. Measured 42, with missing values."""
POLYGON_PIXEL_BYTES = 100
"""Bytes of a pixel of a strip while polygons are made. Measured 87 and 82 for maps 4,000 and 12,000 wide with areas of
about 300 px. A map of specks of 3 x 3 px takes 360; the memory of the network's batches is used again first."""
POLYGON_BYTES = 50 * MB
"""Polygons that are unfinished or wait to be written."""
STRIP_PIXEL_BYTES = 30
"""Bytes of a pixel of a strip while its areas are counted: ids, keys and areas."""
WIDER_UNIT = 25
"""The mapping unit in pixels that is suggested for ragged maps: it leaves no speck of 4 x 4 px."""


@dataclass(frozen=True)
class MemoryNeed:
    """The memory for one raster, in bytes."""

    fixed: int
    """Libraries, network and GDAL's cache, which stay all the time."""
    batch: int
    """A batch on its way through the network."""
    polygons: int
    """Making polygons, after the last batch."""
    pixel: int
    """A pixel of a piece."""
    row_pixel: int
    """A pixel of a row of windows (window high, piece wide) while it is read."""
    window: int
    """Pixels along a window."""
    strip: int = 0
    """Counting the areas of a strip of the finished map."""

    def of(self, height: int, width: int) -> int:
        """The peak with pieces of this many rows and columns."""
        return self.fixed + max(self._computing(height, width), self.polygons)

    def _computing(self, height: int, width: int) -> int:
        return self.batch + height * width * self.pixel + self.window * width * self.row_pixel

    def writing(self, lattice: Lattice) -> int:
        """What writing the outputs takes beside `fixed`: a piece on its way from the journal, then polygons."""
        return max(lattice.rows.longest * lattice.cols.longest * self.pixel, self.strip, self.polygons)

    def beside(self, lattice: Lattice, written: int, n_processes: int = 1) -> int:
        """The peak while `n_processes` compute pieces of a lattice, and writing another raster takes `written`."""
        return n_processes * (self.fixed + self._computing(lattice.rows.longest, lattice.cols.longest)) + written

    def of_lattice(self, lattice: Lattice) -> int:
        """The peak with the pieces of a lattice."""
        return self.of(lattice.rows.longest, lattice.cols.longest)

    def fits(self, limit: int) -> Callable[[int, int], bool]:
        """Whether pieces of (height, width) fit into a limit."""
        return lambda height, width: self.of(height, width) <= limit

    def check(self, lattice: Lattice, floor: int, limit: int, n_processes: int = 1) -> None:
        """Raise InputError if the pieces of a lattice exceed a limit; `floor` is the need of the smallest pieces.

        Each of `n_processes` works on a piece of its own.
        """
        of_workers = f" in {n_processes} workers" if n_processes > 1 else ""
        if floor * n_processes > limit:
            fewer = "fewer --workers, " if n_processes > 1 else ""
            raise InputError(
                f"--max-memory {size_words(limit)}: this model and raster take at least "
                f"{size_words(floor * n_processes)}{of_workers}; give that much, or {fewer}a smaller --batch-size or "
                "--window"
            )
        needed = self.of_lattice(lattice) * n_processes
        if needed > limit:
            raise InputError(
                f"--max-memory {size_words(limit)}: the unfinished work was begun with pieces that take "
                f"{size_words(needed)}{of_workers}; give that much, or start over with --restart"
            )


def memory_need(raster: Raster, choice: Choice, grid: WorkingGrid, model: ModelFile, options: MapOptions) -> MemoryNeed:
    """The memory for mapping a raster with a model, from what is known before torch is imported."""
    n_classes = model.header.schema.n_classes
    fixed = _libraries(model) + GDAL_BYTES + sum(_weights(each) for each in model.every)
    deep = choice.dtype != EIGHT_BITS
    if not grid.is_input:
        fixed += SOURCE_PIXELS * len(choice.bands) * (RESAMPLING_DEEP_BYTES if deep else READING_FLOAT_BYTES)
    polygons = POLYGON_BYTES + STRIP_ROWS * raster.width * POLYGON_PIXEL_BYTES if options.vectors else 0
    strip = BLOCK * raster.width * STRIP_PIXEL_BYTES
    pixel = SUM_COPIES * SUM_BYTES * n_classes + FINISHING_BYTES
    pixel += 8 * (CONFIDENCE in options.computed) + 2 * n_classes * (PROBABILITIES in options.computed)
    pixel += 2 * BANDS[SECOND] * (SECOND in options.computed)
    plain = choice.scale is None and raster.palette is None and not deep
    row_pixel = len(choice.bands) * (READING_BYTES if plain else READING_FLOAT_BYTES) + 4
    return MemoryNeed(fixed, _batch(model, options.views), polygons, pixel, row_pixel, model.tiling.window, strip)


def over_limit(options: MapOptions, before: float, before_polygons: float, peak: float) -> str | None:
    """A note on a map that took more than --max-memory; None if it did not, or there is no limit.

    The peaks of the process are in bytes: before the map, before its polygons, and at the end. Only a peak of this map
    counts. The memory for polygons depends on how ragged the map is.
    """
    limit = options.max_memory
    if limit is None or peak <= max(limit, before):
        return None
    words = f"took {size_words(peak)}, more than --max-memory {size_words(limit)}"
    if before_polygons > limit:
        return f"{words}; a smaller --batch-size or --window takes less"
    unit = f"--mapping-unit {WIDER_UNIT} or " if options.mapping_unit < WIDER_UNIT else ""
    return f"{words}: its map is so ragged that the polygons take more; {unit}--vector-format none takes less"


def _libraries(model: ModelFile) -> int:
    needed = ONNX_LIBRARIES if model.runs_graphs else 0
    if model.runs_torch or model.measured_apart:
        torch = (each for each in model.every if each.computed_by == TORCH or each.measured_apart)
        needed += TORCH_LIBRARIES + ENCODER_LIBRARIES * any(each.header.model.encoder is not None for each in torch)
    return needed


def _weights(model: ModelFile) -> int:
    """The weights of one model in memory."""
    size = model.path.stat().st_size if model.path.is_file() else 0
    return int((WEIGHT_COPIES if model.computed_by == TORCH else ONNX_WEIGHT_COPIES) * size)


def _batch(model: ModelFile, views: Views) -> int:
    """One batch in the largest network, at the largest size, and the sums over models, mirror images and sizes."""
    window, n_classes = model.tiling.window, model.header.schema.n_classes
    windows = model.tiling.batch_size or max(1, CPU_BATCH_PIXELS // window**2)
    a_pixel = max(_activations(each) for each in model.every)
    a_pixel += 2 * SUM_BYTES * n_classes * ((views.tta != NONE) + bool(model.others))
    sizes = 2 * SUM_BYTES * n_classes * windows * window**2 if views.scales else 0
    return views.most_pixels(windows, window) * a_pixel + sizes


def _activations(model: ModelFile) -> int:
    """Bytes of a pixel of a batch in the network of one model."""
    section, n_classes = model.header.model, model.header.schema.n_classes
    if section.encoder is None:
        a_pixel = CLASSIC_BYTES + FILTER_BYTES * section.filters[0]
    else:
        a_pixel = ACTIVATION_BYTES.get(section.arch, OTHER_ACTIVATION_BYTES)
    return a_pixel + CLASS_BYTES * max(0, n_classes - 6)
