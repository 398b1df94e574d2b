"""Finished maps as a server keeps them: what predict writes for one raster, the image and map.json."""

import json
import warnings
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

import terrazzo
from terrazzo.classes.schema import ClassSchema
from terrazzo.serving.folder import DataFolder
from tests.worlds.models import COLORS, NAMES, write_model
from tests.worlds.rasters import write_raster

MAP_ID = "0123456789abcdef0123456789abcdef"
COG = {"driver": "COG", "overview_resampling": "nearest"}


def stripes(height: int, width: int, nodata_cols: int = 0) -> NDArray[np.uint8]:
    """An image (3, H, W) whose greatest band, and so its class, goes round every 7 columns and 5 rows.

    The last `nodata_cols` columns are 0 in all bands.
    """
    rows, cols = np.indices((height, width))
    classes = (cols // 7 + rows // 5) % 3
    bands = np.where(classes == np.arange(3)[:, None, None], 250, 10).astype(np.uint8)
    bands[:, :, width - nodata_cols :] = 0
    return bands


def write_finished(data: DataFolder, image: NDArray[np.uint8], map_id: str = MAP_ID, **profile: object) -> Path:
    """The map of an image (3, H, W) by a model that takes the greatest band for the class; its folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return _written(data, image, map_id, **profile)


def _written(data: DataFolder, image: NDArray[np.uint8], map_id: str, **profile: object) -> Path:
    work = data.root / "work" / map_id
    work.mkdir(parents=True)
    model = write_model(work / "model.safetensors")
    scene = write_raster(work / "scene.tif", image, **{"nodata": 0, **profile})
    options = {"device": "cpu", "precision": "32", "window": 64, "overlap": 16}
    terrazzo.predict(model, scene, out=work / "maps", confidence=True, **options)
    folder = data.map(map_id)
    folder.parent.mkdir(parents=True, exist_ok=True)
    (work / "maps" / "scene").rename(folder)
    with rasterio.open(scene) as source, rasterio.open(work / "rgb.tif", "w", **source.profile) as target:
        target.write(source.read())
    rasterio.shutil.copy(work / "rgb.tif", folder / "image.tif", **COG)
    with rasterio.open(folder / "classes.tif") as classes:
        place = {
            "crs": classes.crs and classes.crs.to_wkt(),
            "transform": list(classes.transform)[:6],
            "shape": list(classes.shape),
        }
    about = {"classes": ClassSchema(NAMES, COLORS).to_list(), "model": "tiny", "name": "scene.tif", **place}
    (folder / "map.json").write_text(json.dumps(about))
    return folder
