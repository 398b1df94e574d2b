"""A map that replaces another: nothing that a GIS kept beside the earlier files is left, and open files are refused."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from terrazzo.errors import OutputExistsError
from terrazzo.maps.jobs.job import plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.outputs.record import publish
from terrazzo.system.places import Store
from tests.worlds.mapping import Convolving, holey, map_here, mapped, model_file
from tests.worlds.rasters import noise, write_raster

BESIDE = ("classes.gpkg-wal", "classes.gpkg-shm", "classes.tif.aux.xml", "classes.tif.ovr", "confidence.tif.msk")
CONFIDENT = MapOptions(confidence=True)


def test_what_a_gis_left_goes_with_the_earlier_map_and_the_users_own_files_stay(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 60, 70)
    out = tmp_path / "map"
    mapped(raster, out, CONFIDENT)
    before = set(out.iterdir())
    for name in (*BESIDE, "project.qgz"):
        (out / name).write_bytes(b"\0" * 4096)
    file = model_file(tmp_path)
    map_here(plan_map(raster, out, file, MapOptions(mapping_unit=9)), Convolving(file.header))
    assert set(out.iterdir()) - before == {out / "project.qgz"}
    assert not (out / "confidence.tif").exists()
    assert b"<Category>" in (out / "classes.tif.aux.xml").read_bytes()
    with sqlite3.connect(out / "classes.gpkg") as layer:
        assert layer.execute("pragma integrity_check").fetchall() == [("ok",)]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced there")
def test_a_geopackage_open_in_another_program_is_refused_before_anything(tmp_path: Path) -> None:
    raster = write_raster(tmp_path / "a.tif", noise(3, 60, 70))
    out = tmp_path / "map"
    mapped(raster, out)
    words = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('pragma journal_mode=wal');"
    words += "c.execute('create table mine(a)'); c.commit(); print(1, flush=True); sys.stdin.read()"
    viewer: Any = subprocess.Popen(
        [sys.executable, "-c", words, str(out / "classes.gpkg")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    viewer.stdout.readline()
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    job = plan_map(raster, out, model_file(tmp_path), MapOptions(mapping_unit=9))
    try:
        with pytest.raises(OutputExistsError, match=r"classes\.gpkg: is open in another program.*close it there"):
            job.check_place(True, False)
        (tmp_path / "staged").mkdir()
        with pytest.raises(OutputExistsError, match="is open in another program"):
            publish(tmp_path / "staged", out)
        assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    finally:
        viewer.communicate(b"")
    job.check_place(True, False)


def test_companions_in_a_store_go_too(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    folder = Store(f"memory://{tmp_path.name}/map")
    for name in ("classes.tif", *BESIDE, "project.qgz"):
        (folder / name).put(b"old")
    (tmp_path / "classes.tif").write_bytes(b"new")
    publish(tmp_path, folder)
    assert folder.names() == {"classes.tif", "project.qgz"}
    assert (folder / "classes.tif").read_text() == "new"
