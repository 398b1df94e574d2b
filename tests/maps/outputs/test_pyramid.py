"""Maps of every shape are valid Cloud-Optimized GeoTIFFs to rio-cogeo, and to GDAL's own words."""

import logging
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rio_cogeo import cog_validate

from terrazzo.maps.outputs.cog import MapSheet, write_maps
from terrazzo.maps.outputs.pyramid import BLOCK, Pyramid, pyramid
from terrazzo.maps.pieces.sums import CLASSES, PROBABILITIES, Part
from terrazzo.pixels.rasters.raster import read_raster
from tests.worlds.headers import HEADER
from tests.worlds.rasters import GRID

SHAPES = [
    (1, 1), (1, 512), (7, 5), (100, 300), (511, 512), (512, 512), (513, 512), (512, 513), (1024, 512), (512, 1024),
    (1023, 511), (1024, 1024), (1024, 2048), (2048, 1024), (2049, 1025), (4096, 512), (4096, 256), (3000, 17),
    (9000, 3), (3, 5000),
]  # fmt: skip
THIN = [(65537, 1), (1, 65537), (513, 1)]


def written(folder: Path, height: int, width: int, layers: tuple[str, ...] = (CLASSES,)) -> Path:
    """The map of a raster of this shape, of class 1 in its first rows and columns."""
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "sparse_ok": True, "crs": "EPSG:32618"}
    with rasterio.open(folder / "a.tif", "w", height=height, width=width, transform=GRID, **profile):
        pass
    rows, cols = min(height, 700), min(width, 600)
    values = {layer: np.ones((3 if layer == PROBABILITIES else 1, rows, cols), np.uint8) for layer in layers}
    sheet = MapSheet(read_raster(folder / "a.tif"), HEADER.schema, "key")
    write_maps([Part(0, 0, values)], sheet, layers, folder)
    return folder / "classes.tif"


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_every_shape_is_valid(tmp_path: Path, height: int, width: int, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, height, width)
    assert cog_validate(path, strict=True) == (True, [], [])
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(("height", "width"), THIN)
def test_a_raster_one_pixel_wide_or_high_opens_without_a_warning(
    tmp_path: Path, height: int, width: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It has no overviews, which rio-cogeo recommends: the exception that the docs name."""
    path = written(tmp_path, height, width)
    with rasterio.open(path) as dataset:
        assert dataset.overviews(1) == []
        assert dataset.read(1)[0, 0] == 1
    valid, errors, warnings = cog_validate(path, strict=True)
    assert (valid, errors) == (False, [])
    assert len(warnings) == 1
    assert "overviews" in warnings[0]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_layers_of_several_bands_are_valid_too(tmp_path: Path) -> None:
    written(tmp_path, 1024, 512, (CLASSES, PROBABILITIES))
    assert cog_validate(tmp_path / "probabilities.tif", strict=True) == (True, [], [])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 1), Pyramid(128, 0)),
        ((300, 200), Pyramid(304, 0)),
        ((512, 512), Pyramid(512, 0)),
        ((2000, 3000), Pyramid(512, 3)),
        # 1024 x 512 would be the width of a block of 512, as an overview of 2048 x 1024 is.
        ((1024, 512), Pyramid(256, 1)),
        ((2048, 1024), Pyramid(256, 2)),
        # Down to 128 px all widths are those of blocks: 4096 x 512, 2048 x 256, 1024 x 128.
        ((4096, 512), Pyramid(128, 1)),
        ((65537, 1), Pyramid(512, 0)),
        # 3 px halve to 1 px, which does not halve again.
        ((9000, 3), Pyramid(512, 1)),
    ],
)
def test_pyramids_worked_by_hand(shape: tuple[int, int], expected: Pyramid) -> None:
    assert pyramid(*shape) == expected


@given(st.integers(1, 70_000), st.integers(1, 70_000))
def test_no_level_beyond_a_block_is_as_wide_as_a_block_and_every_overview_halves(height: int, width: int) -> None:
    found = pyramid(height, width)
    assert found.block % 16 == 0
    for level in range(found.n_overviews + 1):
        assert min(height >> level, width >> level) >= 1
        if max(height >> level, width >> level) > BLOCK:
            assert (width >> level) != found.block
    if min(height, width) > 1:
        assert found.n_overviews > 0 or max(height, width) <= BLOCK
