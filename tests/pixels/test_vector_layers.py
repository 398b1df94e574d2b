"""Laws of reading polygons: what is kept of a layer, what its field says, and which words name the file and flag."""

import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely

from terrazzo.errors import InputError, LabelError
from terrazzo.pixels.rasters.raster import read_raster
from terrazzo.pixels.vector_layers import LayerRequest, read_layer, reprojection
from tests.worlds.layers import CRS, rectangle, write_layer, write_parquet
from tests.worlds.rasters import noise, write_raster

COVER = LayerRequest("cover", "--class-field", layer_flag="--layer", error=LabelError)
ZONES = LayerRequest(None, "--zone-field", file_flag="--zones", usual_fields=("name", "number"))


def test_of_mixed_geometries_the_areas_are_kept_with_their_numbers_and_values(tmp_path: Path) -> None:
    one, two, three = (rectangle(0, 10 * i, 5, 10 * i + 5) for i in range(3))
    line = shapely.LineString([(0, 0), (1, 1)])
    mixed = [one, line, shapely.MultiPolygon([one, two]), None, shapely.GeometryCollection([line, two, three])]
    path = write_layer(tmp_path / "mixed.gpkg", mixed, ["a", "b", "c", "d", None], kind="Unknown")
    layer = read_layer(path, COVER)
    assert (layer.field, layer.values, layer.n_other) == ("cover", ("a", "c", None), 2)
    assert layer.numbers.tolist() == [1, 3, 5]
    expected = [one, shapely.MultiPolygon([one, two]), shapely.MultiPolygon([two, three])]
    assert shapely.equals(layer.polygons, expected).all()


def test_heights_are_left_out_and_whole_numbers_have_no_point(tmp_path: Path) -> None:
    flat = rectangle(0, 0, 5, 5)
    path = tmp_path / "z.gpkg"
    shapes = shapely.to_wkb(np.array([shapely.force_3d(flat, 7.0)] * 3, np.object_))
    pyogrio.raw.write(path, shapes, [np.array([3.0, 2.5, np.nan])], ["cover"], geometry_type="Polygon Z", crs=CRS)
    layer = read_layer(path, COVER)
    assert layer.values == ("3", "2.5", None)
    assert not shapely.has_z(layer.polygons).any()
    assert shapely.equals(layer.polygons, flat).all()


def test_without_a_field_the_first_usual_one_in_any_case_is_read(tmp_path: Path) -> None:
    shapes = shapely.to_wkb(np.array([rectangle(0, 0, 5, 5)], np.object_))
    for fields, found in ((["number", "Name"], "Name"), (["size", "number"], "number"), (["size"], None)):
        path = tmp_path / f"{'-'.join(fields)}.gpkg"
        columns = [np.array([field], np.object_) for field in fields]
        pyogrio.raw.write(path, shapes, columns, fields, geometry_type="Polygon", crs=CRS)
        layer = read_layer(path, ZONES)
        assert (layer.field, layer.values) == (found, (found,))


def test_errors_name_the_file_and_the_flag_of_the_command(tmp_path: Path) -> None:
    path = write_layer(tmp_path / "a.gpkg", [rectangle(0, 0, 5, 5)], ["a"], layer="one")
    write_layer(path, [rectangle(0, 0, 5, 5)], ["a"], layer="two")
    with pytest.raises(InputError, match=rf"^{path}: has 2 layers \(one, two\); choose one with --layer NAME$"):
        read_layer(path, COVER)
    with pytest.raises(InputError, match=rf"^--zones {path}: has 2 layers \(one, two\); save one as its own file$"):
        read_layer(path, ZONES)
    other = LayerRequest("kind", "--class-field", "three", "--layer", error=LabelError)
    with pytest.raises(InputError, match=r"a\.gpkg: --layer three: has no such layer; it has one, two"):
        read_layer(path, other)
    with pytest.raises(LabelError, match=r"a\.gpkg: --class-field kind: has no such field; there are cover, number"):
        read_layer(path, LayerRequest("kind", "--class-field", "one", "--layer", error=LabelError))
    with pytest.raises(LabelError, match=r"a\.gpkg: choose the field with --class-field; there are cover, number"):
        read_layer(path, LayerRequest(None, "--class-field", "one", "--layer", error=LabelError))
    (tmp_path / "pointer.gpkg").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(InputError, match=r"pointer\.gpkg: is a git-lfs pointer"):
        read_layer(tmp_path / "pointer.gpkg", ZONES)


def test_geoparquet_without_a_crs_is_in_longitude_and_latitude(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = write_parquet(tmp_path / "a.parquet", [shapely.box(10, 50, 11, 51)], ["a"])
    table = parquet.read_table(path)
    geo = json.loads(table.schema.metadata[b"geo"])
    del geo["columns"]["shape"]["crs"]
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    layer = read_layer(path, COVER)
    assert layer.crs is not None
    assert layer.crs.to_authority() == ("OGC", "CRS84")
    with pytest.raises(InputError, match=r"a\.parquet: --layer b: GeoParquet has no layers; leave it out"):
        read_layer(path, LayerRequest("cover", "--class-field", "b", "--layer"))
    geo["columns"]["shape"]["encoding"] = "point"
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    with pytest.raises(InputError, match=r"a\.parquet: encodes geometries as point; export it with WKB"):
        read_layer(path, COVER)


def test_coordinates_are_kept_with_a_note_where_no_way_is_known(tmp_path: Path) -> None:
    import pyproj

    scene = write_raster(tmp_path / "a.tif", noise(3, 9, 9))
    local = write_raster(tmp_path / "b.tif", noise(3, 9, 9), crs='LOCAL_CS["site",UNIT["metre",1]]')
    layer, here = tmp_path / "a.gpkg", pyproj.CRS(CRS)
    assert reprojection(layer, here, read_raster(scene)).note is None
    assert reprojection(layer, pyproj.CRS("EPSG:32618+5773"), read_raster(scene)).transformer is None
    bare = reprojection(layer, None, read_raster(scene))
    assert bare.note == f"{layer}: has no coordinate reference system; taken in that of {scene}"
    nowhere = reprojection(layer, here, read_raster(local))
    assert nowhere.note == f"{local}: lies nowhere on the earth; {layer} is taken in its coordinates"
    with pytest.raises(InputError, match=r"a\.gpkg: cannot be reprojected from site to the CRS of .*a\.tif"):
        reprojection(layer, pyproj.CRS('LOCAL_CS["site",UNIT["metre",1]]'), read_raster(scene))
