"""A file that replaces another has none of its companions; one that is open elsewhere stays."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from terrazzo.errors import OutputExistsError
from terrazzo.system.companions import companions
from terrazzo.system.files import Mark, refuse_existing, write_beside

VIEWER = """
import os, signal, sqlite3, sys
viewer = sqlite3.connect(sys.argv[1])
viewer.execute("pragma journal_mode=" + sys.argv[2])
viewer.execute("create table styles(style text)")
viewer.executemany("insert into styles values(?)", [("x" * 500,)] * 300)
if sys.argv[3] == "commit":
    viewer.commit()
print("open", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def database(path: Path, value: str) -> Path:
    connection = sqlite3.connect(path)
    connection.execute("create table of_ours(value text)")
    connection.execute("insert into of_ours values(?)", (value,))
    connection.commit()
    connection.close()
    return path


def value_in(path: Path) -> str:
    connection = sqlite3.connect(path)
    assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    (value,) = connection.execute("select value from of_ours").fetchone()
    connection.close()
    return str(value)


def viewing(path: Path, mode: str = "wal", then: str = "commit") -> "subprocess.Popen[str]":
    """Another program that has written to the database and keeps it open until its input ends; then it crashes."""
    viewer = subprocess.Popen(
        [sys.executable, "-c", VIEWER, str(path), mode, then], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert viewer.stdout is not None
    assert viewer.stdout.readline() == "open\n"
    return viewer


@pytest.mark.parametrize(("mode", "then", "left"), [("wal", "commit", "-wal"), ("delete", "wait", "-journal")])
@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced there")
def test_a_database_open_elsewhere_is_refused_and_what_a_crash_left_goes(
    tmp_path: Path, mode: str, then: str, left: str
) -> None:
    path = database(tmp_path / "classes.gpkg", "old")
    new = database(tmp_path / "new", "new").read_bytes()
    viewer = viewing(path, mode, then)
    with pytest.raises(OutputExistsError, match="is open in another program"), write_beside(path) as temporary:
        temporary.write_bytes(new)
    viewer.communicate("")
    assert viewer.returncode == -signal.SIGKILL
    assert (tmp_path / f"classes.gpkg{left}").stat().st_size > 0
    with write_beside(path) as temporary:
        temporary.write_bytes(new)
    assert value_in(path) == "new"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["classes.gpkg", "new"]


def test_statistics_overviews_masks_and_indices_go_with_the_file_that_they_describe(tmp_path: Path) -> None:
    path = tmp_path / "classes.tif"
    beside = ["classes.tif.aux.xml", "classes.tif.ovr", "classes.tif.msk", "classes.tif.msk.ovr", "classes.rrd"]
    beside += ["classes.tif.vat.dbf", "classes.tif.xml", "classes.tfw"]
    others = ["classes.qml", "classes.gpkg", "classes.png.aux.xml", "confidence.tif.ovr", "classes2.tif.ovr"]
    for name in (path.name, *beside, *others):
        (tmp_path / name).write_text("old")
    assert set(beside) <= set(companions("classes.tif"))
    with write_beside(path) as temporary:
        temporary.write_text("new")
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted([path.name, *others])


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("a/b.gpkg", {"a/b.gpkg-wal", "a/b.gpkg-shm", "a/b.gpkg-journal", "a/b.qix", "a/b.gpkg.idx"}),
        ("b_classes.png", {"b_classes.png.aux.xml", "b_classes.png.ovr", "b_classes.png.msk"}),
        ("b.geojson", {"b.qix", "b.idx", "b.geojson.qix"}),
    ],
)
def test_companions_are_named_after_their_file(name: str, some: set[str]) -> None:
    assert some <= set(companions(name))


def test_files_that_no_gis_opens_have_no_companions(tmp_path: Path) -> None:
    assert companions("model.safetensors") == companions("images") == companions("run.json") == ()


def test_a_folder_of_ours_may_hold_what_a_gis_put_beside_our_files(tmp_path: Path) -> None:
    mark = Mark(("map.tif",))
    for name in ("map.tif", "map.tif.aux.xml"):
        (tmp_path / name).write_text("ours")
    refuse_existing(tmp_path, "a world", True, mark)
    (tmp_path / "mine.tif.aux.xml").write_text("theirs")
    with pytest.raises(OutputExistsError, match=r"mine\.tif\.aux\.xml"):
        refuse_existing(tmp_path, "a world", True, mark)
