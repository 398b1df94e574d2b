"""Laws of the dry run: it writes nothing, refuses what the run refuses, and its bounds hold for the run itself."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import terrazzo
from terrazzo.cli import main
from terrazzo.errors import InputError, OutputExistsError
from terrazzo.maps.pieces.journal import Journal
from terrazzo.maps.predict import Maps
from terrazzo.maps.rasters import raster_map
from tests.worlds.mapping import holey
from tests.worlds.models import write_model
from tests.worlds.rasters import noise, write_raster


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.safetensors")


def ask(model: Path, inputs: Path, **options: Any) -> Maps:
    words = {"out": inputs.parent / "maps", "device": "cpu", "precision": "32", "window": 64, **options}
    return terrazzo.predict(model, inputs, **words)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_dry_run_says_what_there_is_and_writes_nothing(tmp_path: Path, model: Path) -> None:
    """107 x 151 px in windows of 64 that share 8: 2 along the rows, 3 along the columns."""
    raster = holey(tmp_path / "a.tif", 107, 151)
    before = names(tmp_path)
    found = ask(model, raster, dry_run=True)
    assert names(tmp_path) == before
    assert (found.rasters, found.pictures, found.planned_pictures) == ((), None, 0)
    (plan,) = found.planned
    assert (plan.name, plan.folder) == ("a.tif", tmp_path / "maps" / "a")
    assert (plan.n_windows, plan.n_pieces, plan.n_pixels, plan.window) == (6, 1, 107 * 151, 64)
    assert plan.raster == "107 x 151 px of uint8, bands 1 red, 2 green, 3 blue; 0.5 m a pixel, EPSG:32618"
    assert plan.expected is not None
    assert plan.expected.computed_by == "cpu, float32, torch"
    assert 0 < plan.expected.seconds < 60
    assert not plan.finished
    assert plan.lines[-1] == f"  {plan.folder}: nothing is there yet"


def test_what_is_there_already_is_said(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    monkeypatch.setattr("terrazzo.maps.pieces.lattice.PIECE_BYTES", 1)
    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(raster_map, "write_maps", interrupted)
        ask(model, raster)
    (tmp_path / "maps" / "a" / ".partial" / "piece-00001-00002.npz").unlink()
    (plan,) = ask(model, raster, dry_run=True).planned
    assert (plan.pieces_done, plan.n_pieces) == (5, 6)
    assert plan.lines[-1].endswith("unfinished work is there, 5 of 6 pieces are done")
    (anew,) = ask(model, raster, dry_run=True, restart=True).planned
    assert anew.pieces_done == 0
    ask(model, raster)
    (kept,) = ask(model, raster, dry_run=True).planned
    assert kept.finished
    assert kept.expected is None
    (again,) = ask(model, raster, dry_run=True, overwrite=True).planned
    assert not again.finished


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("size", [(107, 151), (700, 1300)])
def test_the_bounds_hold(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    """On noise in pieces of one window, of which nothing shrinks and most is shared."""
    raster = write_raster(tmp_path / "a.tif", noise(3, *size))
    if size[0] < 500:
        monkeypatch.setattr("terrazzo.maps.pieces.lattice.PIECE_BYTES", 1)
    options = {"confidence": True, "probabilities": True, "vector_format": "none" if size[0] > 500 else "gpkg"}
    (plan,) = ask(model, raster, dry_run=True, **options).planned
    journaled: list[int] = []
    remove = Journal.remove

    def weigh(journal: Journal) -> None:
        journaled.append(sum(path.stat().st_size for path in journal.local.glob("*.npz")))
        remove(journal)

    monkeypatch.setattr(Journal, "remove", weigh)
    ask(model, raster, **options)
    bounds = dict(plan.outputs)
    others = 0
    for path in (tmp_path / "maps" / "a").iterdir():
        bound = bounds.get(path.name, 0)
        if bound:
            assert path.stat().st_size <= bound, path.name
        elif bound == 0:
            others += path.stat().st_size
    assert 0 < others <= (bounds["the others"] or 0)
    assert 0 < journaled[0] <= plan.temporary_bytes
    assert list(bounds)[:3] == ["classes.tif", "confidence.tif", "probabilities.tif"]


def test_refusals_are_those_of_the_run(tmp_path: Path, model: Path) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    ask(model, raster)
    os.utime(raster, ns=(1, 1))
    with pytest.raises(OutputExistsError, match=r"classes\.tif: is in the way"):
        ask(model, raster, dry_run=True)
    deep = write_raster(tmp_path / "deep.tif", noise(3, 20, 30).astype(np.uint16))
    with pytest.raises(InputError, match="say with --scale"):
        ask(model, deep, dry_run=True)
    with pytest.raises(InputError, match="--tta d9"):
        ask(model, raster, dry_run=True, tta="d9")


def test_a_bad_raster_among_others_is_said_and_pictures_are_counted(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_raster(folder / "good.tif", noise(3, 45, 70))
    (folder / "lfs.tif").write_text("version https://git-lfs.github.com/spec/v1")
    for name in "xy":
        Image.fromarray(noise(20, 30, 3)).save(folder / f"{name}.png")
    said: list[str] = []
    found = ask(model, folder, dry_run=True, say=said.append)
    assert [plan.name for plan in found.planned] == ["good.tif"]
    assert found.planned_pictures == 2
    assert any("lfs.tif: is a git-lfs pointer" in words for words in said)
    assert not (tmp_path / "maps").exists()
    Image.fromarray(noise(20, 30, 3)).save(tmp_path / "one.png")
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "legend.png").write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match=r"legend\.png: is in the way"):
        ask(model, tmp_path / "one.png", dry_run=True)


def test_memory_is_that_of_each_worker_where_there_are_workers(tmp_path: Path, model: Path) -> None:
    pytest.importorskip("distributed")
    raster = write_raster(tmp_path / "a.tif", noise(3, 45, 70))
    (plan,) = ask(model, raster, dry_run=True, engine="dask", vector_format="none").planned
    assert re.match(r"  memory: at most \d.* [GM]B for each worker; time: about", plan.lines[2])


def test_memory_includes_the_writing_of_the_raster_before(tmp_path: Path, model: Path) -> None:
    """Of two rasters, 107 x 151 and 107 x 4000 px; not of one that is kept, or where the limit allows no overlap."""
    folder = tmp_path / "in"
    folder.mkdir()
    holey(folder / "a.tif", 107, 151)
    holey(folder / "b.tif", 107, 4000)
    alone = ask(model, folder / "b.tif", dry_run=True).planned[0].memory_bytes
    both = ask(model, folder, dry_run=True).planned
    assert both[1].memory_bytes > alone
    for limit, expected in ((both[1].memory_bytes, both[1].memory_bytes), (both[1].memory_bytes - 1, alone)):
        assert ask(model, folder, dry_run=True, max_memory=limit).planned[1].memory_bytes == expected
    ask(model, folder / "a.tif", out=tmp_path / "maps")
    assert ask(model, folder, dry_run=True).planned[1].memory_bytes == alone


def test_the_command_prints_the_plan(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raster = write_raster(tmp_path / "a.tif", noise(3, 45, 70))
    Image.fromarray(noise(20, 30, 3)).save(tmp_path / "b.png")
    inputs = [str(raster), str(tmp_path / "b.png")]
    words = ["predict", str(model), *inputs, "--out", str(tmp_path / "maps"), "--device", "cpu", "--dry-run"]
    code: Any = None
    try:
        code = main(words)
    except SystemExit as stopped:
        code = stopped.code
    assert not code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("a.tif: 45 x 70 px of uint8, bands 1 red, 2 green, 3 blue; 0.5 m a pixel")
    assert lines[1] == "  1 window of 64 px in 1 piece, 3150 pixels"
    assert re.match(r"  memory: at most \d.* [GM]B, more if the map is all specks; time: about", lines[2])
    prose = " ".join(" ".join(lines).split())
    assert "without polygons (cpu, " in prose
    assert "classes.gpkg depending on its content" in prose
    assert all(len(line) <= 100 or str(tmp_path) in line for line in lines)
    assert lines[-2] == f"pictures: 1 image to map into {tmp_path / 'maps'}"
    assert lines[-1] == "nothing was written; the same command without --dry-run makes the maps"
    assert not (tmp_path / "maps").exists()
