"""Laws of rasters' runs that end early: what they leave behind, and what is reported when they are resumed."""

from pathlib import Path

import pytest

from terrazzo.errors import InputError
from terrazzo.maps.engines.local import LocalEngine
from terrazzo.maps.jobs.job import RasterJob, plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.pieces.journal import open_journal
from terrazzo.maps.pieces.lattice import Piece
from tests.worlds.mapping import Convolving, holey, map_raster, model_file


def run(job: RasterJob, stop_after: int | None = None) -> list[str]:
    """Map the job, stopped after that many pieces; the lines that were reported."""
    said: list[str] = []
    finished = 0

    def step(pixels: int) -> None:
        nonlocal finished
        if finished == stop_after:
            raise KeyboardInterrupt
        finished += 1

    map_raster(LocalEngine(lambda: Convolving(job.model.header)), job, step, say=said.append)
    return said


def test_a_resumed_run_reports_what_is_done(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    job = plan_map(raster, tmp_path / "maps" / "a", model_file(tmp_path), MapOptions(run=(3, 3)))
    n_pieces = len(job.lattice.pieces)
    with pytest.raises(KeyboardInterrupt):
        run(job, stop_after=2)
    n_done = len(list((tmp_path / "maps" / "a" / ".partial").glob("piece-*")))
    assert 0 < n_done < n_pieces
    assert run(job) == [f"{raster}: resumed, {n_done} of {n_pieces} pieces are done"]


def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    job = plan_map(raster, tmp_path / "maps" / "a", model_file(tmp_path), MapOptions())

    def no_model() -> Convolving:
        raise InputError("no scheduler answers there")

    with pytest.raises(InputError, match="no scheduler"):
        map_raster(LocalEngine(no_model), job, lambda pixels: None)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    (tmp_path / "maps" / "a").mkdir(parents=True)
    with pytest.raises(InputError, match="no scheduler"):
        map_raster(LocalEngine(no_model), job, lambda pixels: None)
    assert list((tmp_path / "maps").rglob("*")) == [tmp_path / "maps" / "a"], "a folder that was there stays"


def test_a_journal_with_a_piece_stays(tmp_path: Path) -> None:
    folder = tmp_path / "maps" / "a" / ".partial"
    with pytest.raises(KeyboardInterrupt), open_journal(folder, {"model": "a"}, restart=False) as journal:
        journal.write(Piece(0, 0), {})
        raise KeyboardInterrupt
    with open_journal(folder, {"model": "a"}, restart=False) as journal:
        assert journal.pieces() == {Piece(0, 0)}
