"""The GeoPackage says how it looks: a default style that names and colours each class id."""

import sqlite3
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyogrio
from affine import Affine

from terrazzo.maps.polygons.polygons import PolygonOptions, write_polygons
from terrazzo.maps.polygons.rows import ClassRaster

COLORS = ((10, 20, 30), (40, 50, 60), (255, 0, 7))


def written(path: Path, ids: np.ndarray) -> Path:
    names = ("water", "land <low>", "built")
    grid = Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000)
    raster = ClassRaster(lambda row0, row1: ids[row0:row1], *ids.shape, grid, "EPSG:32633", names, colors=COLORS)
    write_polygons(path, raster, PolygonOptions())
    return path


def test_the_layer_has_a_default_style_with_the_classes(tmp_path: Path) -> None:
    path = written(tmp_path / "classes.gpkg", np.array([[0, 1, 2], [0, 1, 1]], np.uint8))
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    style, _ = connection.execute("select * from layer_styles order by id").fetchall()
    connection.close()
    # QGIS looks for these, with an empty schema.
    assert (style["f_table_schema"], style["f_table_name"], style["f_geometry_column"]) == ("", "classes", "geom")
    assert style["useAsDefault"] == 1
    renderer = ElementTree.fromstring(style["styleQML"].split("\n", 1)[1]).find("renderer-v2")
    assert renderer is not None
    assert (renderer.get("type"), renderer.get("attr")) == ("categorizedSymbol", "class_id")
    shown = []
    for category in renderer.iterfind("categories/category"):
        fill = renderer.find(f"symbols/symbol[@name='{category.get('symbol')}']/layer/Option/Option[@name='color']")
        assert fill is not None
        shown.append((category.get("value"), category.get("label"), fill.get("value")))
    assert shown == [
        ("0", "water", "10,20,30,255"),
        ("1", "land <low>", "40,50,60,255"),
        ("2", "built", "255,0,7,255"),
    ]


def test_the_second_theme_shows_the_confidence(tmp_path: Path) -> None:
    """Ranges without a gap from 0 to 100 %, each in a colour of its own; only the first theme is the default."""
    path = written(tmp_path / "classes.gpkg", np.array([[0, 1, 2], [0, 1, 1]], np.uint8))
    connection = sqlite3.connect(path)
    rows = connection.execute("select styleName, useAsDefault, f_table_name, styleQML from layer_styles order by id")
    (name, default, layer, _), (other, other_default, other_layer, text) = rows.fetchall()
    connection.close()
    assert (name, default, layer) == ("classes", 1, "classes")
    assert (other, other_default, other_layer) == ("confidence", 0, "classes")
    renderer = ElementTree.fromstring(text.split("\n", 1)[1]).find("renderer-v2")
    assert renderer is not None
    assert (renderer.get("type"), renderer.get("attr")) == ("graduatedSymbol", "confidence")
    ranges = list(renderer.iterfind("ranges/range"))
    bounds = [(float(each.get("lower", "")), float(each.get("upper", ""))) for each in ranges]
    assert bounds == [(0, 50), (50, 60), (60, 70), (70, 80), (80, 90), (90, 100)]
    fills = [
        renderer.find(f"symbols/symbol[@name='{each.get('symbol')}']/layer/Option/Option[@name='color']")
        for each in ranges
    ]
    assert len({fill.get("value") for fill in fills if fill is not None}) == 6


def test_the_geopackage_is_of_version_1_3_and_the_same_every_time(tmp_path: Path) -> None:
    """user_version is major, minor and patch in two digits each: 10300."""
    ids = np.array([[0, 1, 2], [0, 1, 1]], np.uint8)
    path = written(tmp_path / "classes.gpkg", ids)
    connection = sqlite3.connect(path)
    assert connection.execute("pragma user_version").fetchone() == (10300,)
    assert connection.execute("select table_name, data_type from gpkg_contents").fetchall() == [
        ("classes", "features"),
        ("layer_styles", "attributes"),
    ]
    connection.close()
    assert path.read_bytes() == written(tmp_path / "again" / "classes.gpkg", ids).read_bytes()


def test_a_layer_without_polygons_has_its_style_too(tmp_path: Path) -> None:
    path = written(tmp_path / "classes.gpkg", np.full((3, 4), 255, np.uint8))
    assert [name for name, _ in pyogrio.list_layers(path)] == ["classes", "layer_styles"]
    assert pyogrio.read_info(path, layer="classes")["features"] == 0
