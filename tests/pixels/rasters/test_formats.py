"""Rasters of the other formats that are read, photos that a file places on the ground, and the way out of the rest."""

from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio.shutil
from PIL import Image
from rasterio.crs import CRS

from terrazzo.errors import ImageError
from terrazzo.pixels.rasters.formats import driver_of, way_out
from terrazzo.pixels.rasters.raster import read_raster
from terrazzo.pixels.rasters.reading import Choice, open_pixels
from tests.worlds.rasters import GRID, noise, write_raster

WORLD_FILE = "0.5\n0\n0\n-0.5\n500000.25\n3999999.75\n"
"""That of `GRID`: a world file names the centre of the first pixel."""


def photo(path: Path) -> Path:
    """A photo of 20 x 30 px without a place."""
    Image.fromarray(np.ascontiguousarray(noise(3, 20, 30).transpose(1, 2, 0))).save(path)
    return path


@pytest.mark.parametrize(
    ("name", "driver", "options"),
    [
        ("a.img", "HFA", {}),
        ("a.bil", "ENVI", {"interleave": "bil"}),
        ("a.bsq", "ENVI", {}),
        ("a.dat", "ENVI", {}),
        ("bare", "ENVI", {}),
        ("envi.img", "ENVI", {}),
        ("esri.bil", "EHdr", {}),
        ("a.ntf", "NITF", {"ICORDS": "N"}),
        ("a.nitf", "NITF", {"ICORDS": "N"}),
        ("a.gpkg", "GPKG", {"TILE_FORMAT": "PNG"}),
    ],
)
def test_other_formats_are_read_pixel_by_pixel(
    tmp_path: Path, name: str, driver: str, options: dict[str, object]
) -> None:
    bands = noise(3, 20, 30)
    path = write_raster(tmp_path / name, bands, driver=driver, **options)
    raster = read_raster(path)
    assert driver_of(path) == driver
    assert (raster.height, raster.width, raster.crs) == (20, 30, CRS.from_epsg(32618))
    if driver != "NITF":  # which holds its place in degrees, to the second
        assert raster.transform.almost_equals(GRID)
    with open_pixels(raster, Choice((1, 2, 3))) as source:
        pixels, valid = source.read(5, 0, 10, 30)
    np.testing.assert_array_equal(pixels, bands[:, 5:15].transpose(1, 2, 0))
    assert valid.all()


def test_mbtiles_are_read(tmp_path: Path) -> None:
    """Its pixels are those of a web map's zoom, so they are resampled; place and bands are known."""
    source = write_raster(tmp_path / "a.tif", noise(3, 60, 60), crs="EPSG:3857")
    rasterio.shutil.copy(source, tmp_path / "a.mbtiles", driver="MBTiles")
    raster = read_raster(tmp_path / "a.mbtiles")
    assert (raster.crs, raster.names) == (CRS.from_epsg(3857), ("red", "green", "blue", "alpha"))


def test_a_file_of_several_rasters_names_the_command_for_one(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "a.tif", noise(3, 20, 30))
    rasterio.shutil.copy(source, tmp_path / "many.nc", driver="netCDF")
    with pytest.raises(ImageError) as caught:
        read_raster(tmp_path / "many.nc")
    path = tmp_path / "many.nc"
    assert f"holds 3 rasters; take out one: gdal_translate NETCDF:{path}:Band1 many_Band1.tif" in str(caught.value)
    one = write_raster(tmp_path / "one.tif", noise(1, 20, 30))
    rasterio.shutil.copy(one, tmp_path / "one.nc", driver="netCDF")
    with open_pixels(read_raster(tmp_path / "one.nc"), Choice((1,))) as opened:
        np.testing.assert_array_equal(opened.read(0, 0, 20, 30)[0][..., 0], noise(1, 20, 30)[0])


def test_what_is_not_read_names_the_command_that_converts_it() -> None:
    assert way_out(Path("my scenes/a.ecw")) == (
        "make a GeoTIFF of it: gdal_translate 'my scenes/a.ecw' 'my scenes/a.tif'"
    )
    assert way_out(Path("a.sid")) == "make a GeoTIFF of it: gdal_translate a.sid a.tif"
    assert way_out(Path("a.txt")) is None


# --- photos with a place


@pytest.mark.parametrize(
    ("name", "world"),
    [
        ("a.jpg", "a.jgw"),
        ("a.jpg", "a.JGW"),
        ("a.jpg", "a.wld"),
        ("a.jpeg", "a.jgw"),
        ("a.png", "a.pgw"),
        ("a.png", "a.pngw"),
        ("a.png", "a.wld"),
        ("a.bmp", "a.bpw"),
    ],
)
def test_a_photo_with_a_world_file_is_a_raster_with_that_place(tmp_path: Path, name: str, world: str) -> None:
    path = photo(tmp_path / name)
    assert driver_of(path) is None
    (tmp_path / world).write_text(WORLD_FILE)
    raster = read_raster(path)
    assert raster.transform == GRID
    assert raster.crs is None
    (note,) = raster.notes
    assert f"{path}: is placed by {world}, so it is mapped as a raster; its CRS is not known" in note
    assert f"gdal_translate -a_srs EPSG:CODE {path} {path.with_suffix('.tif')}" in note
    (tmp_path / "a.prj").write_text(pyproj.CRS(32618).to_wkt("WKT1_ESRI"))
    assert read_raster(path).crs == CRS.from_epsg(32618)
    assert read_raster(path).notes == (f"{path}: is placed by {world}, so it is mapped as a raster",)
    (tmp_path / "a.prj").write_text("nowhere")
    with pytest.raises(ImageError, match=r"a\.prj: names no coordinate reference system"):
        read_raster(path)


def test_a_photo_placed_by_aux_xml_is_a_raster_and_one_with_statistics_there_is_not(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.jpg", noise(3, 20, 30), driver="JPEG")
    assert (tmp_path / "a.jpg.aux.xml").is_file()
    raster = read_raster(path)
    assert (raster.transform, raster.crs) == (GRID, CRS.from_epsg(32618))
    (tmp_path / "a.jpg.aux.xml").write_text("<PAMDataset><PAMRasterBand band='1'/></PAMDataset>")
    assert driver_of(path) is None


def test_a_world_file_that_says_nothing_is_said(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text("here")
    raster = read_raster(path)
    assert raster.transform.is_identity
    assert raster.notes == (f"warning: {path}: a.pgw places it nowhere; the map has no place either",)


def test_a_tiff_with_a_world_file_takes_its_crs_from_the_prj(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.tif")
    (tmp_path / "a.tfw").write_text(WORLD_FILE)
    assert (read_raster(path).transform, read_raster(path).crs) == (GRID, None)
    (tmp_path / "a.prj").write_text(CRS.from_epsg(32618).to_wkt())
    assert read_raster(path).crs == CRS.from_epsg(32618)
