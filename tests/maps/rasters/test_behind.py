"""Laws of writing one raster while the next is computed: the same bytes, the right errors, and safe ends."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, current_thread, main_thread
from typing import Any

import pytest

import terrazzo
from terrazzo.errors import ImageError, InputError, PartialError
from terrazzo.maps.jobs.job import RasterJob, plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.predict import Maps
from terrazzo.maps.rasters import batch, raster_map
from terrazzo.maps.rasters.behind import Behind
from tests.worlds.mapping import contents, holey, model_file
from tests.worlds.models import write_model

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.maps.rasters.test_behind"])
NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Four rasters of 107 x 151 to 110 x 154 px."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    for n, name in enumerate(NAMES):
        holey(folder / f"{name}.tif", 107 + n, 151 + n)
    return folder


def run(model: Path, scenes: Path, out: Path, **options: Any) -> Maps:
    return terrazzo.predict(model, scenes, out=out, device="cpu", precision="32", window=64, **options)


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RasterJob, "fits_beside", lambda *_: False)


def before_writing(monkeypatch: pytest.MonkeyPatch, act: Callable[[str], None]) -> None:
    """Call `act` with the raster's name before its outputs are written."""
    write = raster_map._write

    def acting(job: RasterJob, *rest: Any) -> Any:
        act(job.raster.path.stem)
        return write(job, *rest)

    monkeypatch.setattr(raster_map, "_write", acting)


def after_computing(monkeypatch: pytest.MonkeyPatch, act: Callable[[str], None]) -> None:
    """Call `act` with the raster's name once its pieces are computed."""
    compute = batch.compute_raster

    def acting(engine: Any, job: RasterJob, *rest: Any, **options: Any) -> Any:
        done = compute(engine, job, *rest, **options)
        act(job.raster.path.stem)
        return done

    monkeypatch.setattr(batch, "compute_raster", acting)


def test_the_maps_have_the_bytes_that_they_have_one_after_the_other(
    tmp_path: Path, model: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"confidence": True, "probabilities": True}
    maps = run(model, scenes, tmp_path / "together", **options)
    assert maps.written == tuple(f"{name}.tif" for name in NAMES)
    with monkeypatch.context() as patch:
        one_by_one(patch)
        run(model, scenes, tmp_path / "in turn", **options)
    for name in NAMES:
        run(model, scenes / f"{name}.tif", tmp_path / "alone", **options)
        expected = contents(tmp_path / "alone" / name)
        assert len(expected) == 8
        assert contents(tmp_path / "together" / name) == contents(tmp_path / "in turn" / name) == expected


def test_the_next_is_computed_before_the_one_before_is_written_and_one_is_written_at_a_time(
    tmp_path: Path, model: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writing of a waits until b is computed, that of b until c is, that of c until d is; d comes last."""
    computed = {name: Event() for name in NAMES}
    lock, threads = Lock(), dict[str, bool]()

    def wait(name: str) -> None:
        assert lock.acquire(blocking=False), "one at a time"
        threads[name] = current_thread() is main_thread()
        following = NAMES[NAMES.index(name) + 1 :][:1]
        assert all(computed[each].wait(30) for each in following)
        lock.release()

    before_writing(monkeypatch, wait)
    after_computing(monkeypatch, lambda name: computed[name].set())
    run(model, scenes, tmp_path / "maps")
    assert threads == {"a": False, "b": False, "c": False, "d": True}


def test_a_raster_alone_is_written_where_it_is_computed(
    tmp_path: Path, model: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So are those before finished maps: nothing is left to compute beside them."""
    run(model, [scenes / "c.tif", scenes / "d.tif"], tmp_path / "maps")
    threads = []
    before_writing(monkeypatch, lambda _: threads.append(current_thread()))
    maps = run(model, [scenes / f"{name}.tif" for name in "bcd"], tmp_path / "maps")
    assert (maps.written, maps.kept) == (("b.tif",), ("c.tif", "d.tif"))
    assert [found.name for found in maps.rasters] == ["b.tif", "c.tif", "d.tif"]
    assert threads == [main_thread()]


def test_a_raster_that_fails_while_it_is_written_is_named_and_the_others_are_mapped(
    tmp_path: Path, model: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        if name == "b":
            raise ImageError(f"{scenes / 'b.tif'}: rows 0 to 9 cannot be read")

    before_writing(monkeypatch, fail)
    said: list[str] = []
    with pytest.raises(PartialError, match=r"^1 of 4 images failed.*b\.tif: rows 0 to 9") as caught:
        run(model, scenes, tmp_path / "maps", say=said.append)
    assert caught.value.done.written == ("a.tif", "c.tif", "d.tif")
    assert f"{scenes / 'b.tif'}: rows 0 to 9 cannot be read" in said
    assert (tmp_path / "maps" / "b" / ".partial" / "key.json").is_file(), "its pieces wait for another try"


def test_errors_are_reported_in_the_order_of_the_inputs(
    tmp_path: Path, model: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """a fails while it is written, and only after b failed while it was computed."""
    failed = Event()

    def fail_writing(name: str) -> None:
        if name == "a":
            assert failed.wait(30)
            raise ImageError("a is damaged")

    def fail_computing(name: str) -> None:
        if name == "b":
            failed.set()
            raise ImageError("b is damaged")

    before_writing(monkeypatch, fail_writing)
    after_computing(monkeypatch, fail_computing)
    said: list[str] = []
    with pytest.raises(PartialError, match=r"^2 of 4 images failed.*; the first: a is damaged"):
        run(model, scenes, tmp_path / "maps", say=said.append)
    assert [line for line in said if "damaged" in line] == ["a is damaged", "b is damaged"]


def test_a_full_disk_while_one_is_written_ends_the_command_and_leaves_the_pieces(
    tmp_path: Path, model: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        if name == "b":
            raise InputError(f"{tmp_path / 'maps' / name}: cannot be written")

    with monkeypatch.context() as patch:
        before_writing(patch, fail)
        with pytest.raises(PartialError, match=r"^3 of 4 images were not mapped.*; the cause: .*b: cannot be written"):
            run(model, scenes, tmp_path / "maps")
    maps = run(model, scenes, tmp_path / "maps")
    assert (maps.kept, maps.written) == (("a.tif",), ("b.tif", "c.tif", "d.tif"))
    assert maps.rasters[1].record["pieces_computed"] == 0, "resumed"


def test_ctrl_c_stops_the_writing_at_its_next_part_and_the_same_command_goes_on(
    tmp_path: Path, model: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes while b is computed, when a is about to be written."""
    begun = Event()
    check = Behind._check

    def check_later(behind: Behind) -> None:
        assert behind._stopped.wait(30)
        check(behind)

    def stop(what: str, done: int, total: int) -> None:
        if done > 107 * 151:
            assert begun.wait(30)
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Behind, "_check", check_later)
        before_writing(patch, lambda name: begun.set())
        with pytest.raises(KeyboardInterrupt):
            run(model, scenes, tmp_path / "maps", progress=stop)
    assert not (tmp_path / "maps" / "a" / "run.json").exists()
    maps = run(model, scenes, tmp_path / "maps")
    assert maps.written == tuple(f"{name}.tif" for name in NAMES)
    assert maps.rasters[0].record["pieces_computed"] == 0, "only its writing was lost"
    run(model, scenes / "a.tif", tmp_path / "alone")
    assert contents(tmp_path / "maps" / "a") == contents(tmp_path / "alone" / "a")


def killed(model: Path, scenes: Path, out: Path, stage: str) -> None:
    """Map in this process, killed once both a is being written and b is computed, or b's first pieces are there."""
    computed = Event()
    monkeypatch = pytest.MonkeyPatch()

    def die(name: str) -> None:
        if name == "a":
            assert computed.wait(30)
            if stage == "writing":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(30)

    def note(name: str) -> None:
        if name == "b":
            computed.set()
            if stage == "computing":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(30)

    before_writing(monkeypatch, die)
    after_computing(monkeypatch, note)
    run(model, scenes, out)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("stage", ["writing", "computing"])
def test_killed_in_either_stage_and_run_again_is_as_if_never_killed(
    tmp_path: Path, model: Path, scenes: Path, stage: str
) -> None:
    process = SERVER.Process(target=killed, args=(model, scenes, tmp_path / "maps", stage))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert not list((tmp_path / "maps").glob("*/run.json"))
    maps = run(model, scenes, tmp_path / "maps")
    assert [found.record["pieces_computed"] for found in maps.rasters] == [0, 0, 1, 1]
    run(model, scenes, tmp_path / "whole")
    for name in NAMES:
        assert contents(tmp_path / "maps" / name) == contents(tmp_path / "whole" / name)


def test_where_memory_does_not_allow_both_they_are_done_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A raster fits beside another up to the very byte: its own computing, and the other's writing."""
    small, wide = holey(tmp_path / "a.tif", 107, 151), holey(tmp_path / "b.tif", 107, 400)
    file = model_file(tmp_path)

    def job(raster: Path, limit: int | None = None) -> RasterJob:
        return plan_map(raster, tmp_path / "map", file, MapOptions(max_memory=limit))

    need = job(wide).need
    assert need is not None
    both = need.beside(job(wide).lattice, job(small).writing_bytes)
    assert both > need.of_lattice(job(wide).lattice)
    assert job(wide, both).fits_beside(job(small, both))
    assert not job(wide, both - 1).fits_beside(job(small, both - 1))
    for n_processes in (1, 3):
        alone = need.beside(job(wide).lattice, 0)
        needed = n_processes * alone + job(small).writing_bytes
        assert job(wide, needed).fits_beside(job(small), n_processes)
        assert not job(wide, needed - 1).fits_beside(job(small), n_processes)
    monkeypatch.setattr("terrazzo.maps.jobs.job.free_bytes", lambda: both - 1)
    assert not job(wide).fits_beside(job(small))
    monkeypatch.setattr("terrazzo.maps.jobs.job.free_bytes", lambda: both)
    assert job(wide).fits_beside(job(small))
