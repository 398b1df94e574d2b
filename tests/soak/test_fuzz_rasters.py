"""Damaged rasters of every format that is read: each is described and planned, or refused in one line.

`make test` holds a sample of the files, `make soak` 500. A seed takes one raster, and damages its header or any byte.
The rasters are made here, and taken from TERRAZZO_DATA where it is set.
"""

import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio.shutil
from rasterio.control import GroundControlPoint

from terrazzo.cli import run
from tests.worlds.damage import damaged, damaged_tiff
from tests.worlds.models import write_model
from tests.worlds.rasters import noise, write_raster

MOST_BYTES = 3_000_000
PROJECTIONS = ("EPSG:4326", "EPSG:3857", "EPSG:3035", "EPSG:3031", "EPSG:5514", "+proj=omerc +lat_0=4 +alpha=30")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, and rasters of each format and kind."""
    folder = tmp_path_factory.mktemp("rasters")
    write_model(folder / "model.safetensors")
    rasters = folder / "rasters"
    rasters.mkdir()
    bands = noise(3, 70, 90)
    plain = write_raster(rasters / "plain.tif", bands, nodata=7)
    write_raster(rasters / "tiled.tif", bands, tiled=True, blockxsize=32, blockysize=32, compress="deflate")
    write_raster(rasters / "masked.tif", bands, mask=bands[0] > 9, compress="lzw")
    write_raster(rasters / "alpha.tif", noise(4, 70, 90))
    write_raster(rasters / "deep.tif", bands.astype(np.uint16))
    write_raster(rasters / "real.tif", bands.astype(np.float32), nodata=np.nan)
    corners = ((0, 0, 10.0, 50.0), (0, 90, 10.1, 50.0), (70, 0, 10.0, 49.9))
    points = [GroundControlPoint(row, col, x, y) for row, col, x, y in corners]
    write_raster(rasters / "points.tif", bands, transform=None, crs="EPSG:4326", gcps=points)
    for number, crs in enumerate(PROJECTIONS):
        write_raster(rasters / f"crs{number}.tif", bands[:, :8, :9], crs=crs)
    for name, driver in (("a.img", "HFA"), ("a.bil", "ENVI"), ("b.bil", "EHdr"), ("a.gpkg", "GPKG"), ("a.png", "PNG")):
        write_raster(rasters / name, bands, driver=driver)
    write_raster(rasters / "a.ntf", bands, driver="NITF", ICORDS="N")
    write_raster(rasters / "photo.jpg", bands, driver="JPEG")
    rasterio.shutil.copy(write_raster(rasters / "one.tif", bands[:1]), rasters / "one.nc", driver="netCDF")
    rasterio.shutil.copy(plain, rasters / "a.jp2", driver="JP2OpenJPEG")
    return folder


def sources(world: Path) -> list[Path]:
    """The rasters made here, and the small ones of the real data sets."""
    found = [path for path in (world / "rasters").iterdir() if path.suffix not in (".hdr", ".prj", ".xml", ".stx")]
    if root := os.environ.get("TERRAZZO_DATA"):
        real = (Path(root) / "rasters").glob("*.tif*")
        found += [path for path in real if path.suffix in (".tif", ".tiff") and path.stat().st_size < MOST_BYTES]
    return sorted(found)


@pytest.mark.parametrize("seed", [*range(60), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(60, 500))])
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_raster_is_read_or_refused_in_one_line(
    seed: int, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    chance = random.Random(seed)
    source = chance.choice(sources(world))
    for side in source.parent.glob(f"{source.stem}*"):
        shutil.copy(side, tmp_path)
    raw = source.read_bytes()
    by_tags = raw.startswith(b"II*\0") and chance.random() < 0.7
    (tmp_path / source.name).write_bytes(damaged_tiff(raw, chance) if by_tags else damaged(raw, chance))
    before = set(tmp_path.rglob("*"))
    how = chance.choice(("", " --bands 1,1,1", " --bands 1,1,1 --scale 0,255 --nodata 7"))
    model = world / "model.safetensors"
    plan = f"predict {model} {source.name} --out maps --dry-run --device cpu --max-pixels 10000000{how}"
    for words in (f"inspect {source.name}", plan):
        capfd.readouterr()
        code = run(words.split())
        err = capfd.readouterr().err
        assert code in (0, 1, 2), err
        assert "Traceback" not in err
        assert sum(line.startswith("terrazzo: error: ") for line in err.splitlines()) == (code != 0), err
    assert {path for path in set(tmp_path.rglob("*")) - before if path.suffix != ".xml"} == set()
