"""A finished map as it lies on disk."""

from pathlib import Path

import numpy as np
import rasterio

from terrazzo.serving.folder import DataFolder
from terrazzo.serving.results.files import FILES
from terrazzo.serving.results.finished import FinishedMap, MapClass, find_map
from tests.worlds.finished import MAP_ID, stripes


def test_a_map_has_its_classes_model_and_name(placed: FinishedMap) -> None:
    assert placed.classes == (
        MapClass(0, "Red", (200, 30, 30)),
        MapClass(1, "Green", (30, 160, 60)),
        MapClass(2, "Blue", (20, 60, 220)),
    )
    assert (placed.model, placed.name) == ("tiny", "scene.tif")
    assert (placed.raster.height, placed.raster.width) == (700, 600)


def test_the_world_has_the_classes_that_it_was_made_of(placed: FinishedMap) -> None:
    with rasterio.open(placed.file("classes.tif")) as classes:
        ids = classes.read(1)
        assert classes.overviews(1) == [2]
    np.testing.assert_array_equal(ids[:, :560], stripes(700, 600).argmax(axis=0)[:, :560])
    assert (ids[:, 560:] == 255).all()


def test_areas_are_those_of_the_table(placed: FinishedMap, photo: FinishedMap) -> None:
    areas = placed.areas()
    counts = np.bincount(stripes(700, 560).argmax(axis=0).ravel())
    assert [(area["id"], area["name"], area["pixels"]) for area in areas] == [
        (0, "Red", counts[0]),
        (1, "Green", counts[1]),
        (2, "Blue", counts[2]),
    ]
    # 0.25 m2 a pixel on the map, where UTM's scale is 0.9996: 0.25 / 0.9996^2 on the ground
    assert abs(areas[0]["hectares"] - counts[0] * 0.25 / 0.9996**2 / 10_000) < 1e-5
    assert abs(sum(area["share"] for area in areas) - 1) < 1e-7
    assert [area["hectares"] for area in photo.areas()] == [None] * 3


def test_a_photo_lies_nowhere(placed: FinishedMap, photo: FinishedMap) -> None:
    assert photo.crs is None
    assert photo.ground is None
    assert placed.ground is not None
    assert placed.ground.to_epsg() == 32618


def test_what_is_no_id_leads_to_no_folder(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")
    (tmp_path / "data" / "maps").mkdir(parents=True)
    for name in ("..", ".", "", "../../etc", MAP_ID.upper() + "x", MAP_ID):
        assert find_map(data, name) is None


def test_every_file_of_a_finished_map_may_be_read(placed: FinishedMap) -> None:
    assert {path.name for path in placed.folder.iterdir()} == set(FILES)
