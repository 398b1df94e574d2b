"""Corrections with mistakes through the command line: each ends with one line that names the file or the flag."""

import hashlib
import sqlite3
import struct
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from PIL import Image

from terrazzo.cli import run
from terrazzo.patches.folder import open_patches
from tests.worlds.corrections import scene_and_model, write_suggestions
from tests.worlds.layers import rectangle, write_layer
from tests.worlds.rasters import noise

FIELD = rectangle(10, 10, 30, 30)
Make = Callable[[Path], object]


def _bad_crs(path: Path) -> None:
    """Metres of UTM in a layer that is said to hold degrees."""
    wkb, names = shapely.to_wkb(np.array([FIELD], np.object_)), np.array(["Red"], np.object_)
    where = {"layer": "x", "driver": "GPKG", "geometry_type": "Polygon", "crs": "EPSG:4326"}
    pyogrio.raw.write(str(path), wkb, [names], ["cover"], **where)


def _broken(path: Path, with_another: bool) -> None:
    """A triangle with a corner at NaN; behind it a rectangle that is right."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # shapely's, of the NaN
        triangle = shapely.Polygon([(500_005, 3_999_995), (np.nan, 3_999_990), (500_015, 3_999_985)])
    write_layer(path, [triangle, FIELD][: 1 + with_another], ["Red", "Blue"][: 1 + with_another])


def _pictures(path: Path) -> None:
    path.mkdir()
    Image.fromarray(noise(40, 50, 3)).save(path / "a.png")


MISTAKES: dict[str, tuple[Make, str, str]] = {
    "an empty layer": (
        lambda path: write_layer(path, [], []),
        "scene.tif c.gpkg --class-field cover --for model.safetensors",
        "c.gpkg: is empty, it has no feature; expected polygons: draw some, or give the file that has them",
    ),
    "points": (
        lambda path: write_layer(path, [shapely.Point(500_010, 3_999_990)], ["Red"], kind="Point"),
        "scene.tif c.gpkg --class-field cover --for model.safetensors",
        "c.gpkg: holds no polygon in its 1 feature (kinds: Point); expected polygons: draw the outline of each area",
    ),
    "a coordinate that is no number": (
        lambda path: _broken(path, with_another=False),
        "scene.tif c.gpkg --class-field cover --for model.safetensors",
        "c.gpkg: holds no polygon in its 1 feature (kinds: Polygon with coordinates that are no numbers); expected "
        "polygons: draw the outline of each area",
    ),
    "too small": (
        lambda path: write_layer(path, [rectangle(10.1, 10.1, 10.4, 20)], ["Red"]),
        "scene.tif c.gpkg --class-field cover --for model.safetensors",
        "c.gpkg: gives no valid pixel of scene.tif a class, so there is nothing to learn; give labels of this place",
    ),
    "no value": (
        lambda path: write_layer(path, [FIELD, rectangle(40, 40, 50, 50)], [None, ""]),
        "scene.tif c.gpkg --class-field cover --for model.safetensors",
        "c.gpkg: none of its 2 polygons has a value in the field cover; fill in the class of each, or choose another "
        "field with --class-field",
    ),
    "another field": (
        lambda path: write_layer(path, [FIELD], ["Red"]),
        "scene.tif c.gpkg --class-field landuse --for model.safetensors",
        "c.gpkg: --class-field landuse: has no such field; there are cover, number",
    ),
    "no field": (
        lambda path: write_layer(path, [FIELD], ["Red"]),
        "scene.tif c.gpkg --for model.safetensors",
        "c.gpkg: choose the field with --class-field; there are cover, number",
    ),
    "degrees that are metres": (
        _bad_crs,
        "scene.tif c.gpkg --class-field cover --for model.safetensors",
        "c.gpkg: its coordinates cannot be placed on scene.tif, as they do not fit the CRS that it names; correct the "
        "CRS of the layer",
    ),
    "another scene": (
        lambda path: write_layer(path, [rectangle(500, 500, 520, 520)], ["Red"]),
        "scene.tif c.gpkg --class-field cover --for model.safetensors",
        "c.gpkg: does not overlap scene.tif: the labels span (500250, 3999740, 500260, 3999750), the image (500000, "
        "3999950, 500075, 4000000) (left, bottom, right, top in EPSG:32618); give the labels of this place, or correct "
        "the CRS",
    ),
    "nothing checked": (
        lambda path: write_suggestions(path, [((0, 0, 32, 32), False)], [((0, 0, 8, 8), "Red")]),
        "scene.tif c.gpkg --for model.safetensors",
        "c.gpkg: none of its 1 box is checked, and polygons that nobody looked at are no labels; correct the polygons "
        "of a box, then set its field checked to true",
    ),
    "a damaged file": (
        lambda path: path.write_text("hello"),
        "scene.tif c.gpkg --for model.safetensors",
        "c.gpkg: cannot be read as a layer of polygons ('c.gpkg' not recognized as being in a supported file format.); "
        "copy or export it again",
    ),
    "scene and model swapped": (
        lambda path: write_layer(path, [FIELD], ["Red"]),
        "model.safetensors c.gpkg --class-field cover --for scene.tif",
        "--for scene.tif: is no model, and model.safetensors, given as the scene or its corrections, is one; name the "
        "model behind --for",
    ),
    "corrections and model swapped": (
        lambda path: write_layer(path, [FIELD], ["Red"]),
        "scene.tif model.safetensors --class-field cover --for c.gpkg",
        "--for c.gpkg: is no model, and model.safetensors, given as the scene or its corrections, is one; name the "
        "model behind --for",
    ),
    "scene and corrections swapped": (
        lambda path: write_layer(path, [FIELD], ["Red"]),
        "c.gpkg scene.tif --class-field cover --for model.safetensors",
        "c.gpkg: is no raster, and scene.tif behind it is one; name the scene first, then its labels",
    ),
    "corrections twice": (
        lambda path: write_layer(path, [FIELD], ["Red"]),
        "scene.tif c.gpkg --class-field cover --for c.gpkg",
        "c.gpkg: is not a model file (polygons); expected a model.safetensors that `terrazzo train` wrote",
    ),
    "a folder for the model": (
        lambda path: (path.parent / "patches").mkdir(),
        "scene.tif c.gpkg --class-field cover --for patches",
        "patches: is a folder; expected a model.safetensors that `terrazzo train` wrote",
    ),
    "polygons of photos": (
        lambda path: (write_layer(path, [FIELD], ["Red"]), _pictures(path.parent / "photos")),
        "photos c.gpkg --class-field cover --for model.safetensors",
        "photos: holds no rasters; expected a raster or a folder of rasters (.tif, .tiff, .jp2); polygons have no "
        "place on pictures, give masks of them instead",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_lost(
    mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words, wanted = MISTAKES[mistake]
    scene_and_model(tmp_path)
    make(tmp_path / "c.gpkg")
    monkeypatch.chdir(tmp_path)
    before = _contents(tmp_path)
    assert run(["prepare", *words.split(), "--out", "out"]) != 0
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == f"terrazzo: error: {wanted}"
    assert not [line for line in told[:-1] if "error" in line or "Traceback" in line or "Warning" in line]
    assert _contents(tmp_path) == before


def _contents(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_polygons_that_cannot_be_placed_are_left_out_beside_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene_and_model(tmp_path)
    monkeypatch.chdir(tmp_path)
    write_layer(tmp_path / "c.gpkg", [FIELD], ["Red"], crs="EPSG:4326")
    _bad_crs(tmp_path / "bad.gpkg")
    shapes = np.concatenate([pyogrio.raw.read(str(tmp_path / name))[2] for name in ("c.gpkg", "bad.gpkg")])
    names = np.array(["Red", "Blue"], np.object_)
    where = {"layer": "x", "driver": "GPKG", "geometry_type": "Polygon", "crs": "EPSG:4326"}
    pyogrio.raw.write(str(tmp_path / "both.gpkg"), shapes, [names], ["class"], **where)
    assert run(["prepare", "scene.tif", "both.gpkg", "--for", "model.safetensors", "--out", "out"]) == 0
    assert "left out: 1 polygon of both.gpkg outside the image" in capsys.readouterr().err


NOTED: dict[str, tuple[Callable[[Path], object], str, int]] = {
    "a coordinate that is no number": (
        lambda path: _broken(path, with_another=True),
        "left out: 1 feature without an area (points, lines, empty ones, coordinates that are no numbers)",
        400,
    ),
    # Rows 10.1 to 10.4 hold no centre, which lies at 10.5; rows 10.4 to 10.6 do.
    "too small": (
        lambda path: write_layer(
            path,
            [rectangle(10.1, 10.1, 10.4, 20), rectangle(10.4, 40, 10.6, 47), FIELD],
            ["Red", "Blue", "Blue"],
        ),
        "c.gpkg: 1 polygon too small to hold the centre of a pixel: no label",
        407,
    ),
    "heights": (lambda path: write_layer(path, [shapely.force_3d(FIELD, 7)], ["Blue"], kind="Polygon Z"), "", 400),
    # The circle of radius 10 px around the middle of the field: the centres within it, less the chords of a few.
    "curves": (lambda path: _curved(path), "", 316),
}


@pytest.mark.parametrize("name", NOTED)
def test_what_gives_no_label_is_told_and_the_others_are_labels(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make, note, n_labelled = NOTED[name]
    scene_and_model(tmp_path)
    make(tmp_path / "c.gpkg")
    monkeypatch.chdir(tmp_path)
    words = "prepare scene.tif c.gpkg --class-field cover --for model.safetensors --out out"
    assert run(words.split()) == 0
    told = capsys.readouterr().err
    assert note in " ".join(told.split())
    assert "Warning" not in told
    assert ("left out: 1 feature" in told or "too small" in told) == bool(note)
    assert (open_patches(tmp_path / "out").masks[:] == 2).sum() == n_labelled


def _curved(path: Path) -> None:
    """A circle of 5 m around (500,010, 3,999,990) as a CURVEPOLYGON, as QGIS draws one: pyogrio writes none itself."""
    write_layer(path, [FIELD], ["Blue"])
    x, y, radius = 500_010.0, 3_999_990.0, 5.0
    points = [(x - radius, y), (x, y + radius), (x + radius, y), (x, y - radius), (x - radius, y)]
    ring = struct.pack("<BII", 1, 8, len(points)) + b"".join(struct.pack("<dd", *point) for point in points)
    with closing(sqlite3.connect(path)) as table, table:
        for (name,) in table.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            table.execute(f'drop trigger "{name}"')
        table.execute("update gpkg_geometry_columns set geometry_type_name = 'CURVEPOLYGON'")
        (blob,) = table.execute("select geom from fields").fetchone()
        header = blob[: 8 + 4 * 8]  # GeoPackage's own, with the envelope, which is the same
        table.execute("update fields set geom = ?", (header + struct.pack("<BII", 1, 10, 1) + ring,))


def test_overlaps_are_counted_inside_the_checked_boxes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene_and_model(tmp_path)
    monkeypatch.chdir(tmp_path)
    # Both polygons cover rows 20 to 40 of columns 10 to 30; the box ends at row 30.
    write_suggestions(
        tmp_path / "s.gpkg", [((10, 10, 30, 30), True)], [((10, 10, 40, 30), "Red"), ((20, 10, 40, 40), "Blue")]
    )
    assert run(["prepare", "scene.tif", "s.gpkg", "--for", "model.safetensors", "--out", "out"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "scene.tif: 200 pixels lie in polygons of different classes: the later polygon in the file wins" in told
