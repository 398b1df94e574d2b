"""Label rasters on the grid of an image: where a warped one has labels, whatever type its values have."""

from pathlib import Path

import numpy as np
import pytest
from rasterio.enums import ColorInterp

from terrazzo.pixels.rasters.raster import read_raster
from terrazzo.scenes.labelled_rasters.label_rasters import open_label
from tests.worlds.rasters import noise, write_raster
from tests.worlds.stacks import COARSE


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "uint32"])
@pytest.mark.parametrize("nodata", [None, 7])
def test_what_a_warped_label_raster_does_not_cover_has_no_label(tmp_path: Path, dtype: str, nodata: int | None) -> None:
    """Labels of 20 m x 30 m on an image of 40 m x 30 m: the right half has none, and is not class 0."""
    image = read_raster(write_raster(tmp_path / "image.tif", noise(3, 60, 80)))
    ids = np.full((1, 30, 20), 2, dtype)
    ids[0, :5] = 7
    labels = write_raster(tmp_path / "labels.tif", ids, transform=COARSE, nodata=nodata)
    with open_label(labels, image, lambda line: None) as values:
        found, valid = values.read(0, 0, 60, 80)
    expected = np.zeros((60, 80), bool)
    expected[0 if nodata is None else 10 :, :40] = True
    np.testing.assert_array_equal(valid, expected)
    assert set(np.unique(found[valid])) == ({2, 7} if nodata is None else {2})


def test_alpha_of_a_warped_label_raster_takes_labels_out(tmp_path: Path) -> None:
    image = read_raster(write_raster(tmp_path / "image.tif", noise(3, 60, 80)))
    bands = np.full((2, 30, 40), 2, np.uint8)
    bands[1] = 255
    bands[1, :, :10] = 0
    colors = (ColorInterp.gray, ColorInterp.alpha)
    labels = write_raster(tmp_path / "labels.tif", bands, transform=COARSE, colors=colors)
    with open_label(labels, image, lambda line: None) as values:
        _, valid = values.read(0, 0, 60, 80)
    assert not valid[:, :20].any()
    assert valid[:, 20:].all()
