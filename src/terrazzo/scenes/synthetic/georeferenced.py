"""Synthetic worlds as GeoTIFFs: photo, near infrared and heights of the same places, with their labels.

Folders `ortho`, `nir`, `dsm` and `labels` hold one file a scene, of equal names, in UTM zone 40 north. Scenes lie half
a kilometre or more apart, so that none is a neighbour of another.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.palettes import SYNTHETIC
from terrazzo.scenes.synthetic.published import Plan
from terrazzo.scenes.synthetic.render import render_sensed
from terrazzo.scenes.synthetic.sensors.surface import GSD_M

CRS = "EPSG:32640"
CORNER = 300_000.0, 2_800_000.0
"""Easting and northing of the first scene's upper left corner, in metres."""
BETWEEN_M = 500
FOLDERS = ("ortho", "nir", "dsm", "labels")
_BANDS = {"ortho": ("red", "green", "blue"), "nir": ("nir",), "dsm": ("dsm",)}


def geotiff(plan: Plan) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file, four a scene."""
    step = (1 + -(-plan.size[1] * GSD_M // BETWEEN_M)) * BETWEEN_M
    for number in range(plan.n_images):
        stream = np.random.SeedSequence((plan.seed, number))
        scene = render_sensed(int(stream.generate_state(1)[0]), *plan.size, plan.style)
        easting = CORNER[0] + number * step
        layers: list[NDArray[Any]] = [
            scene.photo.transpose(2, 0, 1),
            scene.infrared[None],
            scene.surface[None],
            scene.ids[None],
        ]
        for folder, bands in zip(FOLDERS, layers, strict=True):
            yield f"{folder}/scene_{number + 1:03d}.tif", _encoded(bands, easting, folder)


def _encoded(bands: NDArray[Any], easting: float, folder: str) -> bytes:
    """The bands (C, H, W) as the bytes of a GeoTIFF."""
    from rasterio.io import MemoryFile
    from rasterio.transform import Affine

    from terrazzo.pixels.rasters.gdal import gdal

    count, height, width = bands.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": bands.dtype}
    profile |= {"crs": CRS, "transform": Affine(GSD_M, 0, easting, 0, -GSD_M, CORNER[1]), "compress": "deflate"}
    if folder == "ortho":
        profile["photometric"] = "RGB"
    with gdal(), MemoryFile() as file:
        with file.open(**profile) as dataset:
            dataset.write(bands)
            if folder == "labels":
                dataset.write_colormap(1, dict(enumerate(SYNTHETIC.colors)))
                dataset.update_tags(**{f"CLASS_{i}": name for i, name in enumerate(SYNTHETIC.names)})
            else:
                dataset.descriptions = _BANDS[folder]
        return bytes(file.read())
