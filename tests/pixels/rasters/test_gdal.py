"""Questions to GDAL and PROJ about a user's file: answered, lived without, or refused in one line."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioIOError

import terrazzo
from terrazzo.errors import ImageError, InputError
from terrazzo.pixels.geodesy import pixel_areas, terrestrial
from terrazzo.pixels.rasters.gdal import Facts, answered, gdal
from terrazzo.pixels.rasters.raster import read_raster
from tests.worlds.mapping import read_map
from tests.worlds.models import write_model
from tests.worlds.rasters import GRID, noise, write_raster

NO_WAY = """PROJCS["cone",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],
PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Lambert_Conformal_Conic_2SP"],
PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",0],PARAMETER["standard_parallel_1",10],
PARAMETER["standard_parallel_2",-10],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1]]"""
"""A cone whose two parallels lie at equal distances from the equator is none: PROJ has no way to degrees."""


@pytest.mark.parametrize(
    "error", [RasterioIOError("bad\nworse"), CRSError("bad"), OSError("bad"), KeyError("bad"), TypeError("bad")]
)
def test_trouble_becomes_one_line_that_names_the_file(error: Exception) -> None:
    with pytest.raises(ImageError) as caught, answered("a.tif"):
        raise error
    assert str(caught.value).startswith("a.tif: ")
    assert "bad" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_of_ours_passes_as_it_is() -> None:
    with pytest.raises(InputError, match=r"^ours$"), answered("a.tif"):
        raise InputError("ours")


def test_a_fact_that_cannot_be_read_is_left_out_and_said() -> None:
    def fails() -> str:
        raise CRSError("no such latitude")

    facts = Facts("a.tif")
    assert facts.ask("CRS", fails, "none") == "none"
    assert facts.ask("size", lambda: "7", "none") == "7"
    assert facts.notes == ["warning: a.tif: its CRS cannot be read (no such latitude); it is left out"]


def test_what_is_needed_is_asked_for_again_as_the_trouble_may_be_that_of_an_earlier_question() -> None:
    answers = iter([CRSError("of the question before"), None])

    def asked() -> str:
        error = next(answers)
        if error is not None:
            raise error
        return "red"

    assert Facts("a.tif").need(asked) == "red"


def test_a_crs_that_cannot_be_written_is_left_out_and_the_raster_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What rasterio does at a latitude of origin that PROJ does not support."""

    def refuse(crs: CRS, *args: object, **options: object) -> str:
        raise CRSError("cannot be written: unsupported latitude of origin")

    path = write_raster(tmp_path / "a.tif", noise(3, 20, 30))
    with monkeypatch.context() as patched:
        patched.setattr("terrazzo.pixels.rasters.raster.pyproj.CRS.from_wkt", refuse)
        raster = read_raster(path)
    assert (raster.crs, raster.transform) == (None, GRID)
    (note,) = raster.notes
    assert note.startswith(f"warning: {path}: its coordinate reference system cannot be read (cannot be written: ")


def test_a_crs_that_stops_gdal_at_opening_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise CRSError("The WKT could not be parsed. OGR Error code 5")

    path = write_raster(tmp_path / "a.tif", noise(3, 20, 30))
    monkeypatch.setattr(rasterio, "open", refuse)
    with pytest.raises(ImageError, match=r"its coordinate reference system cannot be read .*gdal_edit\.py -a_srs EPSG"):
        read_raster(path)


def test_a_crs_without_a_way_to_degrees_has_no_areas_and_the_raster_is_mapped(tmp_path: Path) -> None:
    with pytest.raises(pyproj.exceptions.ProjError):
        pyproj.Transformer.from_crs(NO_WAY, "EPSG:4326")
    assert terrestrial(NO_WAY) is None
    assert pixel_areas(GRID, NO_WAY, 20, 30) is None
    path = write_raster(tmp_path / "a.tif", noise(3, 20, 30), crs=NO_WAY)
    model = write_model(tmp_path / "model.safetensors")
    terrazzo.predict(model, path, out=tmp_path / "maps", device="cpu", vector_format="geojson")
    assert read_map(tmp_path / "maps" / "a" / "classes.tif").shape == (1, 20, 30)
    other = write_raster(tmp_path / "scenes.tif", noise(3, 20, 30))
    assert read_raster(other).gsd_m == pytest.approx(0.5, rel=1e-2)


def test_no_thread_warns_of_pixels_without_a_place_while_another_leaves(tmp_path: Path) -> None:
    """Filters of warnings are the process's: one thread that left must not take away what another needs."""
    path = tmp_path / "plain.tif"
    with gdal(), rasterio.open(path, "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8") as file:
        file.write(np.ones((1, 8, 8), np.uint8))
    before = list(warnings.filters)

    def look(_: int) -> int:
        with gdal(), rasterio.open(path) as file:
            return int(file.width)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(look, range(400))) == {8}
    assert warnings.filters == before
