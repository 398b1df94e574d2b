"""Styles in the table `layer_styles`: which is the default of which layer, and times as the format wants them."""

import sqlite3
from pathlib import Path

import numpy as np
import pyogrio
import shapely

from terrazzo.pixels.layer_styles import Style, write_layer_styles


def layer(path: Path) -> Path:
    point = shapely.to_wkb(np.array([shapely.Point(1, 2)], np.object_))
    pyogrio.raw.write(str(path), point, [], [], layer="a", driver="GPKG", geometry_type="Point", crs="EPSG:32633")
    return path


def test_the_first_style_of_each_layer_is_its_default(tmp_path: Path) -> None:
    path = layer(tmp_path / "layers.gpkg")
    write_layer_styles(path, ("a", "geom"), [Style("one", "first", "<qgis/>"), Style("two", "second", "<qgis />")])
    write_layer_styles(path, ("b", "shape"), [Style("three", "third", "<qgis  />")])
    connection = sqlite3.connect(path)
    fields = "id, f_table_schema, f_table_name, f_geometry_column, styleName, description, useAsDefault, styleQML"
    rows = connection.execute(f"select {fields} from layer_styles order by id").fetchall()
    connection.close()
    assert rows == [
        (1, "", "a", "geom", "one", "first", 1, "<qgis/>"),
        (2, "", "a", "geom", "two", "second", 0, "<qgis />"),
        (3, "", "b", "shape", "three", "third", 1, "<qgis  />"),
    ]


def test_the_time_is_in_utc_with_milliseconds_as_a_geopackage_needs_it(tmp_path: Path) -> None:
    """GDAL before 3.7 warns of any other form each time that the file is read."""
    path = layer(tmp_path / "layers.gpkg")
    write_layer_styles(path, ("a", "geom"), [Style("one", "", "<qgis/>")])
    connection = sqlite3.connect(path)
    ((time,),) = connection.execute("select update_time from layer_styles").fetchall()
    connection.close()
    assert time == "2000-01-01T00:00:00.001Z"
