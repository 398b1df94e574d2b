"""Replicas of data sets that are no pictures: GeoTIFFs of more than three bands or of 16 bits, with their masks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from tests.layouts.build import SIDE, blocks

CLASSES = "id,name\n1,building\n2,water\n3,road\n"


@dataclass(frozen=True)
class RasterReplica:
    """A data set of rasters, and the command that reads it."""

    title: str
    layout: str
    """The files in one line, for the table in the docs."""
    pairs: tuple[tuple[str, str], ...]
    bands: int
    dtype: str
    words: tuple[str, str]
    """Images and labels in the command; DATA is the data set."""

    @property
    def what(self) -> str:
        """What makes them no pictures."""
        return "has 16 bits a band" if self.dtype == "uint16" else f"has {self.bands} bands"


def place(replica: RasterReplica, root: Path) -> Path:
    """The GeoTIFFs of 64 x 64 px, 1 km apart, and masks of the ids 1 to 3 on their grids."""
    for number, (image, mask) in enumerate(replica.pairs):
        values = np.random.default_rng(number).integers(1, 200, (replica.bands, SIDE, SIDE)).astype(replica.dtype)
        _write(root / image, values, number)
        _write(root / mask, (blocks(3, number)[None] + 1).astype(np.uint8), number)
    return root


def _write(path: Path, pixels: NDArray[np.generic], number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = Affine(0.2, 0, 9e5 + 1e3 * number, 0, -0.2, 6e6)
    options = {"count": len(pixels), "height": SIDE, "width": SIDE, "dtype": pixels.dtype, "crs": "EPSG:2154"}
    with rasterio.open(path, "w", driver="GTiff", transform=transform, **options) as file:
        file.write(pixels)


RASTERS = (
    RasterReplica(
        "FLAIR #1 with its five bands, in one tree",
        "`DOMAIN/AREA/img/IMG_*.tif`, `DOMAIN/AREA/msk/MSK_*.tif`",
        (
            ("D004_2021/Z1_NN/img/IMG_061946.tif", "D004_2021/Z1_NN/msk/MSK_061946.tif"),
            ("D006_2020/Z2_UA/img/IMG_003551.tif", "D006_2020/Z2_UA/msk/MSK_003551.tif"),
        ),
        5,
        "uint8",
        ("DATA/*/*/img/*.tif", "DATA/*/*/msk/*.tif"),
    ),
    RasterReplica(
        "FLAIR #1 and #2 with their five bands, in two trees",
        "`flair_aerial_train/DOMAIN/AREA/img/IMG_*.tif`, `flair_labels_train/DOMAIN/AREA/msk/MSK_*.tif`",
        (
            (
                "flair_aerial_train/D004_2021/Z1_NN/img/IMG_061946.tif",
                "flair_labels_train/D004_2021/Z1_NN/msk/MSK_061946.tif",
            ),
            (
                "flair_aerial_train/D006_2020/Z2_UA/img/IMG_003551.tif",
                "flair_labels_train/D006_2020/Z2_UA/msk/MSK_003551.tif",
            ),
        ),
        5,
        "uint8",
        ("DATA/flair_aerial_train", "DATA/flair_labels_train"),
    ),
    RasterReplica(
        "Zurich Summer",
        "`images_tif/*.tif` of four bands and 16 bits, `groundtruth/*_GT.tif`",
        (("images_tif/zh1.tif", "groundtruth/zh1_GT.tif"), ("images_tif/zh2.tif", "groundtruth/zh2_GT.tif")),
        4,
        "uint16",
        ("DATA/images_tif", "DATA/groundtruth"),
    ),
    RasterReplica(
        "deep tiles in `train/` and `val/`",
        "`train/images/*.tif`, `train/masks/*.tif`; `val/`",
        tuple((f"{side}/images/{n}.tif", f"{side}/masks/{n}.tif") for side in ("train", "val") for n in (1, 2)),
        3,
        "uint16",
        ("DATA/*/images/*.tif", "DATA/*/masks/*.tif"),
    ),
)
