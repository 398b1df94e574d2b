"""classes.tif names its classes to GDAL: categories and attribute table, the classes alone, in id order."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import rasterio
import rasterio.shutil
from rio_cogeo import cog_validate

from terrazzo.classes.schema import ClassSchema
from terrazzo.maps.jobs.job import plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.outputs.attribute_table import table_of, write_attribute_table
from tests.worlds.headers import HEADER
from tests.worlds.mapping import holey, mapped, model_file
from tests.worlds.rasters import write_raster

SCHEMA = ClassSchema(("Wald & <Wiese>", "Straße", "水"), ((0, 128, 7), (200, 1, 2), (3, 4, 255)))


def as_gdal_reads_it(raster: Path, copy: Path) -> ElementTree.Element:
    """Band 1 of a virtual copy, into which GDAL writes whatever it has read of the raster."""
    rasterio.shutil.copy(raster, copy, driver="VRT")
    band = ElementTree.parse(copy).getroot().find("VRTRasterBand")
    assert band is not None
    return band


def test_gdal_reads_names_and_colours_of_the_classes_alone(tmp_path: Path) -> None:
    raster = write_raster(tmp_path / "classes.tif", np.zeros((1, 20, 30), np.uint8), nodata=255)
    write_attribute_table(tmp_path / table_of("classes.tif"), SCHEMA.rows)
    band = as_gdal_reads_it(raster, tmp_path / "copy.vrt")
    categories = band.find("CategoryNames")
    assert categories is not None
    assert [each.text for each in categories] == list(SCHEMA.names)
    table = ElementTree.parse(tmp_path / "classes.tif.aux.xml").find(".//GDALRasterAttributeTable")
    assert table is not None
    rows = [[value.text for value in row] for row in table.findall("Row")]
    assert rows == [
        ["0", "Wald & <Wiese>", "0", "128", "7"],
        ["1", "Straße", "200", "1", "2"],
        ["2", "水", "3", "4", "255"],
    ]


def test_gdal_keeps_the_table_in_a_copy(tmp_path: Path) -> None:
    """A GeoTIFF copied by GDAL gets an .aux.xml of its own, with what GDAL has read of ours."""
    raster = write_raster(tmp_path / "classes.tif", np.zeros((1, 20, 30), np.uint8), nodata=255)
    write_attribute_table(tmp_path / table_of("classes.tif"), SCHEMA.rows)
    rasterio.shutil.copy(raster, tmp_path / "copy.tif", driver="GTiff")
    table = ElementTree.parse(tmp_path / "copy.tif.aux.xml").find(".//GDALRasterAttributeTable")
    assert table is not None
    usages = [usage.text for usage in table.iterfind("FieldDefn/Usage")]
    assert usages == ["5", "2", "6", "7", "8"]  # MinMax, Name, Red, Green, Blue
    assert [[value.text for value in row][:2] for row in table.findall("Row")] == [
        [str(i), name] for i, name in enumerate(SCHEMA.names)
    ]


def test_a_map_has_the_table_and_stays_a_valid_cog(tmp_path: Path) -> None:
    mapped(holey(tmp_path / "a.tif", 61, 80), tmp_path / "map")
    band = as_gdal_reads_it(tmp_path / "map" / "classes.tif", tmp_path / "copy.vrt")
    categories = band.find("CategoryNames")
    assert categories is not None
    assert [each.text for each in categories] == list(HEADER.schema.names)
    assert cog_validate(tmp_path / "map" / "classes.tif", strict=True) == (True, [], [])


def test_a_map_whose_table_was_cleared_away_is_still_finished(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 61, 80)
    mapped(raster, tmp_path / "map")
    (tmp_path / "map" / "classes.tif.aux.xml").unlink()
    assert plan_map(raster, tmp_path / "map", model_file(tmp_path), MapOptions()).finished()
