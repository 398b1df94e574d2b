"""Corrections on the grid of a photo, and how they are divided."""

import json
from pathlib import Path

import pytest
import shapely

from terrazzo.pixels.rasters.raster import read_raster
from terrazzo.serving.jobs.tasks.drawn import draw_on
from tests.worlds.page_site import three_classes
from tests.worlds.rasters import write_raster


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_what_an_earlier_round_used_keeps_its_part_in_a_later_one(tmp_path: Path) -> None:
    """Six squares at columns 0, 10, ...; the second was kept aside before, so none of the first five is added to it."""
    features = []
    for place, use in enumerate([False, True, False, False, None, None]):
        geometry = shapely.geometry.mapping(shapely.box(10 * place, 0, 10 * place + 5, 5))
        used = {} if use is None else {"kept_aside": use}
        features.append({"type": "Feature", "geometry": geometry, "properties": {"class": "Red", **used}})
    path = tmp_path / "corrections.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    raster = read_raster(write_raster(tmp_path / "photo.tif", three_classes(), crs=None))
    trained, aside = draw_on(path, raster).divided()
    assert [polygon.bounds for polygon in aside.polygons] == [(10, 0, 15, 5)]
    assert [polygon.bounds[0] for polygon in trained.polygons] == [0, 20, 30, 40, 50]
    assert aside.classes == ("Red",)
