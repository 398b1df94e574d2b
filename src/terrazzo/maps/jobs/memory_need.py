"""What mapping a raster takes of memory, from what was measured; and how large its pieces may be within a limit.

Everything is an estimate from above of the process' peak resident memory in bytes, libraries included, on a CPU. Pieces
are all that a limit can change: the windows of a batch belong to what a map is made of. For a ResNet34 U-Net of six
classes and 12.6 Mpx in pieces of 2 x 2 windows it says 1.57 GB, where 1.22 GB were measured (bf16).
"""

from collections.abc import Callable
from dataclasses import dataclass

from terrazzo.errors import InputError
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.pieces.lattice import SUM_BYTES, Lattice
from terrazzo.maps.pieces.sums import CONFIDENCE, PROBABILITIES
from terrazzo.maps.pieces.turning import NONE
from terrazzo.maps.pieces.working_grid import SOURCE_PIXELS, WorkingGrid
from terrazzo.maps.polygons.mapping_unit import STRIP_ROWS
from terrazzo.model.exporting.formats import ONNX
from terrazzo.model.opening import ModelFile
from terrazzo.model.predictor import CPU_BATCH_PIXELS
from terrazzo.pixels.rasters import Choice, Raster

MB = 1_000_000
TORCH_LIBRARIES = 820 * MB
"""Measured 650 to 780 after importing torch, rasterio, pyogrio and the command line: the more of the libraries' files
lies in the system's cache, as after installing them, the more of their pages are counted."""
ENCODER_LIBRARIES = 250 * MB
"""Measured 200 to 225 more for segmentation-models-pytorch, which networks with an encoder need."""
ONNX_LIBRARIES = 300 * MB
"""Measured 190, and more from a filled cache, after importing onnx, onnxruntime, rasterio, pyogrio and the command
line."""
GDAL_BYTES = 100 * MB
"""The cache, which is capped at 64 MiB, and what compressing a tile takes."""
WEIGHT_COPIES, ONNX_WEIGHT_COPIES = 2.5, 6
"""The network, the file's weights while they are put into it, and the reordered weights of convolutions. Of an .onnx
the graph is there as read, written again and taken apart: measured 5."""
ACTIVATION_BYTES = {"unet": 750, "unetplusplus": 1900}
"""What a pixel of a batch takes in float32 on its way through a network with an encoder. Measured for U-Net 530
(ResNet34), 620 (EfficientNet-Lite0), 700 (EfficientNet-B4); for U-Net++ 1690 (ResNet34)."""
OTHER_ACTIVATION_BYTES = 1000
"""The same for other architectures: measured 710 for DeepLabV3+ (ResNet50)."""
FILTER_BYTES = 35
CLASSIC_BYTES = 220
"""The same for a classic U-Net, for each filter of its top level and besides: measured 187 for 3 filters and 629 for
16; 313 for 3 in onnxruntime."""
CLASS_BYTES = 16
"""Logits and probabilities of a pixel of a batch, a class; above six, which the figures before are for."""
FINISHING_BYTES = 8
"""What a pixel of a piece takes while its class and confidence are found, and wait to be written: masks and layers."""
SUM_COPIES = 2
"""Sums that a piece shares with others are copied, in the smallest pieces all of them, and wait to be written."""
READING_BYTES = 4
"""What a band of a pixel takes while a row of windows is read: as stored, turned round, copied. As floats: 20."""
READING_FLOAT_BYTES = 20
POLYGON_PIXEL_BYTES = 100
"""What a pixel of a strip takes while polygons are made of it: measured 87 and 82 for maps 4,000 and 12,000 wide whose
areas are about 300 px. A map of nothing but specks of 3 x 3 px takes 360; what the network's batches have left is used
again first."""
POLYGON_BYTES = 50 * MB
"""Polygons that are still open or wait to be written."""
WIDER_UNIT = 25
"""The mapping unit in pixels that is named to those whose maps are too ragged: no speck of 4 x 4 px is left."""


@dataclass(frozen=True)
class MemoryNeed:
    """What one raster takes."""

    fixed: int
    """Libraries, network and GDAL's cache: what is there all the time."""
    batch: int
    """A batch on its way through the network."""
    polygons: int
    """Making polygons, once pieces and batches are done with."""
    pixel: int
    """A pixel of a piece."""
    row_pixel: int
    """A pixel of a row of windows, as high as a window and as wide as a piece, while it is read."""
    window: int
    """Pixels along a window."""

    def of(self, height: int, width: int) -> int:
        """The peak with pieces of that many rows and columns."""
        computing = self.batch + height * width * self.pixel + self.window * width * self.row_pixel
        return self.fixed + max(computing, self.polygons)

    def of_lattice(self, lattice: Lattice) -> int:
        """The peak with the pieces of a lattice."""
        return self.of(lattice.rows.longest, lattice.cols.longest)

    def fits(self, limit: int) -> Callable[[int, int], bool]:
        """Whether pieces of (height, width) keep within a limit."""
        return lambda height, width: self.of(height, width) <= limit

    def check(self, lattice: Lattice, floor: int, limit: int) -> None:
        """Raise InputError where the pieces of a lattice exceed a limit; `floor` is what the smallest pieces take."""
        if floor > limit:
            raise InputError(
                f"--max-memory {size_words(limit)}: this model and raster take at least {size_words(floor)}; "
                "give that much, or a smaller --batch-size or --window"
            )
        needed = self.of_lattice(lattice)
        if needed > limit:
            raise InputError(
                f"--max-memory {size_words(limit)}: the unfinished work was begun with pieces that take "
                f"{size_words(needed)}; give that much, or begin anew with --restart"
            )


def memory_need(raster: Raster, choice: Choice, grid: WorkingGrid, model: ModelFile, options: MapOptions) -> MemoryNeed:
    """What mapping a raster with a model takes, from what is known before torch is imported."""
    n_classes = model.header.schema.n_classes
    weights = model.path.stat().st_size if model.path.is_file() else 0
    copies = ONNX_WEIGHT_COPIES if model.path.suffix.lower() == ONNX else WEIGHT_COPIES
    fixed = _libraries(model) + GDAL_BYTES + int(copies * weights)
    if not grid.is_input:
        fixed += SOURCE_PIXELS * len(choice.bands) * READING_FLOAT_BYTES
    polygons = POLYGON_BYTES + STRIP_ROWS * raster.width * POLYGON_PIXEL_BYTES if options.vectors else 0
    pixel = SUM_COPIES * SUM_BYTES * n_classes + FINISHING_BYTES
    pixel += 8 * (CONFIDENCE in options.computed) + 2 * n_classes * (PROBABILITIES in options.computed)
    plain = choice.scale is None and raster.palette is None
    row_pixel = len(choice.bands) * (READING_BYTES if plain else READING_FLOAT_BYTES) + 4
    return MemoryNeed(fixed, _batch(model, options.tta), polygons, pixel, row_pixel, model.tiling.window)


def over_limit(options: MapOptions, before: float, before_polygons: float, peak: float) -> str | None:
    """What to say of a map that took more than --max-memory; None where it did not, or there is no limit.

    The process' peaks in bytes: before the map, before its polygons, in the end. What an earlier map took is not said
    of this one. What polygons take goes by how ragged the map turns out.
    """
    limit = options.max_memory
    if limit is None or peak <= max(limit, before):
        return None
    words = f"took {size_words(peak)}, more than --max-memory {size_words(limit)}"
    if before_polygons > limit:
        return f"{words}; a smaller --batch-size or --window takes less"
    unit = f"--mapping-unit {WIDER_UNIT} or " if options.mapping_unit < WIDER_UNIT else ""
    return f"{words}: its map is so ragged that the polygons take more; {unit}--vector-format none takes less"


def size_words(size: float) -> str:
    """`1.23 GB`, `45 MB` or `678 bytes`, rounded up: what is enough."""
    for unit, name, digits in ((10**9, "GB", 2), (MB, "MB", 0)):
        if size >= unit:
            whole = -(-int(size) * 10**digits // unit)
            return f"{whole / 10**digits:.{digits}f} {name}"
    return f"{int(size)} bytes"


def _libraries(model: ModelFile) -> int:
    if model.path.suffix.lower() == ONNX:
        return ONNX_LIBRARIES
    return TORCH_LIBRARIES + (0 if model.header.model.encoder is None else ENCODER_LIBRARIES)


def _batch(model: ModelFile, tta: str) -> int:
    """What one batch takes on its way through the network; the sum of its views as well where there are several."""
    window, n_classes = model.tiling.window, model.header.schema.n_classes
    windows = model.tiling.batch_size or max(1, CPU_BATCH_PIXELS // window**2)
    section = model.header.model
    if section.encoder is None:
        a_pixel = CLASSIC_BYTES + FILTER_BYTES * section.filters[0]
    else:
        a_pixel = ACTIVATION_BYTES.get(section.arch, OTHER_ACTIVATION_BYTES)
    a_pixel += CLASS_BYTES * max(0, n_classes - 6)
    if tta != NONE:
        a_pixel += 2 * SUM_BYTES * n_classes
    return windows * window**2 * a_pixel
