"""Maps found and opened."""

from pathlib import Path

import numpy as np
import pytest

from terrazzo.errors import InputError
from terrazzo.maps.pieces.sums import CLASSES
from terrazzo.scenes.class_map import CLASSES_TIF, open_map
from tests.worlds.mapping import mapped
from tests.worlds.rasters import noise, write_raster
from tests.worlds.sampled_maps import striped_ids, write_map


def test_the_name_of_the_map_is_that_which_predict_writes() -> None:
    assert f"{CLASSES}.tif" == CLASSES_TIF


def test_a_map_that_predict_wrote_is_found_by_its_folder_the_one_above_or_its_file(tmp_path: Path) -> None:
    raster = write_raster(tmp_path / "scene.tif", noise(3, 40, 70))
    mapped(raster, tmp_path / "maps" / "scene")
    path = tmp_path / "maps" / "scene" / CLASSES_TIF
    assert {open_map(each).path for each in (path, path.parent, path.parent.parent)} == {path}
    assert open_map(path).names == {0: "Red", 1: "Green", 2: "Blue"}


def test_what_is_no_map_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_raster(tmp_path / "photo.tif", noise(3, 8, 9))
    write_map(tmp_path / "two" / "a" / CLASSES_TIF, striped_ids())
    write_map(tmp_path / "two" / "b" / CLASSES_TIF, striped_ids())
    (tmp_path / "a.txt").write_text("no map")
    cases = {
        "empty": "holds no classes.tif",
        "two": "holds 2 maps (a, b); name one, as ",
        "photo.tif": "holds 3 bands of uint8; expected one band of class ids",
        "a.txt": "expected a map",
        "lost.tif": "there is no such file or folder",
    }
    for name, words in cases.items():
        with pytest.raises(InputError, match=name) as caught:
            open_map(tmp_path / name)
        assert words in str(caught.value)


@pytest.mark.parametrize("nodata", [255, 9, None])
def test_strips_hold_255_for_nodata_whatever_its_value(tmp_path: Path, nodata: int | None) -> None:
    ids = np.full((130, 5), 1, np.uint8)
    ids[129, 4] = nodata or 255
    strips = dict(open_map(write_map(tmp_path / "a.tif", ids, nodata=nodata)).strips())
    assert list(strips) == [0, 64, 128]
    assert strips[128].tolist() == [[1] * 5, [1, 1, 1, 1, 255]]
