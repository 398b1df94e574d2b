"""Laws of computing on a Dask cluster: the same bytes as here, a lost worker costs its piece, and either resumes."""

import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import terrazzo
from terrazzo.errors import ImageError, InputError
from terrazzo.maps.engines.local import LocalEngine
from terrazzo.maps.engines.options import EngineOptions
from terrazzo.maps.engines.threads import steady_count, steady_threads
from terrazzo.maps.jobs.job import RasterJob, Share, plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.rasters.dry_run import MapPlan
from terrazzo.model.header import read_header
from terrazzo.model.opening import ModelFile, open_model
from terrazzo.system.files import file_digest
from terrazzo.system.places import Store
from tests.worlds.headers import HEADER
from tests.worlds.mapping import MEAN, TILING, contents, exit_code, holey, map_raster
from tests.worlds.rasters import noise, write_raster

distributed = pytest.importorskip("distributed")
fsspec = pytest.importorskip("fsspec")

from terrazzo.maps.engines import cluster, connection, worker  # noqa: E402
from terrazzo.maps.engines.cluster import dask_engine  # noqa: E402
from terrazzo.maps.engines.worker import Equipment  # noqa: E402

OPTIONS = MapOptions(confidence=True, run=(1, 2))
Step = Callable[[int], None]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A random network on disk, which workers can open."""
    import torch

    from terrazzo.model import bundle
    from terrazzo.model.network import build_model
    from terrazzo.recipe.sections import ModelSection

    torch.manual_seed(3)
    section = ModelSection(filters=(4, 6))
    header = replace(HEADER, model=section, normalization=MEAN, bands=3, patch_size=32)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    bundle.save(path, header, build_model(section, 3, 3, MEAN).state_dict())
    return ModelFile(path, file_digest(path), read_header(path), TILING, "cpu", "32")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """The cluster that --engine dask --workers 2 makes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FSSPEC_FILE_AUTO_MKDIR", "true")  # a folder as an object store, for workers and for this process
        patch.setitem(fsspec.config.conf, "file", {"auto_mkdir": True})
        with cluster.quiet_dask(), connection.connected(EngineOptions("dask", 2)) as (client, _):
            yield client


@pytest.fixture(scope="module")
def scheduler(client: Any) -> str:
    return str(client.scheduler.address)


def locally(job: RasterJob, step: Step = lambda pixels: None) -> dict[str, Any]:
    model = job.model
    return map_raster(LocalEngine(lambda: open_model(model.path, "cpu", "32"), model), job, step)


def by_dask(job: RasterJob, scheduler: str, step: Step = lambda pixels: None) -> dict[str, Any]:
    with dask_engine(job.model, EngineOptions("dask", None, scheduler)) as engine:
        return map_raster(engine, job, step)


def stop_after(n_steps: int) -> Step:
    """What is pressed as Ctrl-C when so many pieces are done."""
    calls = Counter[str]()

    def step(pixels: int) -> None:
        calls["step"] += 1
        if calls["step"] > n_steps:  # the first reports what was done before
            raise KeyboardInterrupt

    return step


def test_workers_give_the_bytes_of_this_process(tmp_path: Path, model: ModelFile, scheduler: str) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    here = locally(plan_map(raster, tmp_path / "here", model, OPTIONS))
    done: list[int] = []
    there = by_dask(plan_map(raster, tmp_path / "there", model, OPTIONS), scheduler, done.append)
    with pytest.raises(ValueError, match="No clients"):
        distributed.Client.current()  # the caller's default is left alone
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert set(contents(tmp_path / "there")) >= {"classes.tif", "classes.gpkg", "classes.qml", "areas.csv"}
    assert there["key"] == here["key"]
    assert there["pieces_computed"] == here["pieces_computed"] > 8
    assert there["windows_computed"] == here["windows_computed"]
    assert sum(done) == 107 * 151
    assert here["computed_by"] == {"engine": "local", "device": "cpu", "precision": "32", "runtime": "torch"}
    assert there["computed_by"] == {
        "engine": "dask",
        "scheduler": scheduler,
        "workers": 2,
        "device": "cpu",
        "precision": "32",
        "runtime": "torch",
    }


class Spy(distributed.WorkerPlugin):  # type: ignore[misc]
    """Slows a worker down, and writes down which process begins which piece."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def setup(self, worker: Any) -> None:
        from terrazzo.maps.engines import worker as module

        compute_pieces = module.compute_pieces

        def slowly(job: Any, model: Any, reader: Any, journal: Any, pieces: Any) -> Any:
            with self.log.open("a") as stream:
                stream.write(f"{os.getpid()} {pieces[0].row} {pieces[0].col}\n")
            time.sleep(0.05)
            return compute_pieces(job, model, reader, journal, pieces)

        module.compute_pieces = slowly
        self.undo = lambda: setattr(module, "compute_pieces", compute_pieces)

    def teardown(self, worker: Any) -> None:
        self.undo()


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_a_killed_worker_costs_only_its_piece(tmp_path: Path, model: ModelFile, client: Any, scheduler: str) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    options = replace(OPTIONS, run=(1, 1))
    locally(plan_map(raster, tmp_path / "here", model, options))
    log = tmp_path / "log"
    client.register_plugin(Spy(log), "spy")
    killed: list[int] = []

    def step(pixels: int) -> None:
        begun = [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []
        if not killed and len(begun) > 8:
            killed.append(int(begun[-1]))  # it has begun a piece, and sleeps
            os.kill(killed[0], signal.SIGKILL)

    record = by_dask(plan_map(raster, tmp_path / "there", model, options), scheduler, step)
    client.unregister_worker_plugin("spy")
    assert killed
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    begun = Counter(tuple(line.split()[1:]) for line in log.read_text().splitlines())
    assert len(begun) == record["pieces"] > 20
    assert sum(begun.values()) - len(begun) <= 1, "no more than the piece at hand was begun again"


def test_either_engine_goes_on_where_the_other_stopped(tmp_path: Path, model: ModelFile, scheduler: str) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    whole = locally(plan_map(raster, tmp_path / "whole", model, OPTIONS))
    begun = plan_map(raster, tmp_path / "begun-here", model, OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        locally(begun, stop_after(3))
    begun.check_place(False, False)
    assert by_dask(begun, scheduler)["pieces_computed"] == whole["pieces"] - 3
    assert contents(begun.folder) == contents(tmp_path / "whole")
    begun = plan_map(raster, tmp_path / "begun-there", model, OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        by_dask(begun, scheduler, stop_after(3))
    assert not (begun.folder / "classes.tif").exists()
    begun.check_place(False, False)
    assert locally(begun)["pieces_computed"] <= whole["pieces"] - 3
    assert contents(begun.folder) == contents(tmp_path / "whole")


def test_workers_put_pieces_into_a_store(tmp_path: Path, model: ModelFile, scheduler: str) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    locally(plan_map(raster, tmp_path / "here", model, OPTIONS))
    job = plan_map(raster, Store(f"file://{tmp_path}/store/a"), model, OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        by_dask(job, scheduler, stop_after(3))
    assert len(list((tmp_path / "store" / "a" / ".partial").glob("piece-*.npz"))) >= 3
    by_dask(job, scheduler)
    assert contents(tmp_path / "store" / "a") == contents(tmp_path / "here")
    mine = plan_map(raster, Store("memory://mine/a"), model, OPTIONS)
    with pytest.raises(InputError, match=r"memory://mine/a/\.partial: worker .* does not find .*--out must lie where"):
        by_dask(mine, scheduler)


def test_the_callers_own_client_is_used_and_left_open(
    tmp_path: Path, model: ModelFile, client: Any, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "Client", None)  # no other is made
    monkeypatch.setattr(connection, "_current_client", lambda address: client if address == scheduler else None)
    by_dask(plan_map(holey(tmp_path / "a.tif", 61, 80), tmp_path / "map", model, OPTIONS), scheduler)
    assert client.status == "running"
    monkeypatch.undo()
    with client.as_current():
        assert connection._current_client(scheduler) is client
        assert connection._current_client("tcp://elsewhere:1") is None
    assert connection._current_client(scheduler) is None


def test_workers_of_a_cluster_share_the_memory_of_their_machine(
    tmp_path: Path, model: ModelFile, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers on this machine: each gets half of the limit, and half of what is free."""
    share = cluster.share_of_memory(EngineOptions("dask", None, scheduler))
    assert share.n_processes == 2
    assert 0 < share.free_bytes <= psutil.virtual_memory().total // 2
    assert Share(2, 7).free_bytes == 7
    monkeypatch.setattr("terrazzo.maps.jobs.job.free_bytes", lambda: 100)
    assert (Share().free_bytes, Share(3).free_bytes) == (100, 33)
    monkeypatch.undo()

    raster = write_raster(tmp_path / "a.tif", np.tile(noise(3, 300, 400), (1, 4, 4)))
    how = {"window": 32, "device": "cpu", "precision": "32", "vector_format": "none", "dry_run": True}

    def planned(limit: int, **engine: Any) -> MapPlan:
        return terrazzo.predict(model.path, raster, out=tmp_path / "maps", max_memory=limit, **how, **engine).planned[0]

    limit = planned(4_000_000_000).memory_bytes - 50_000_000
    alone = planned(limit)
    assert alone.n_pieces > 1
    by_two = planned(2 * limit, engine="dask", scheduler=scheduler)
    assert (by_two.n_pieces, by_two.memory_bytes) == (alone.n_pieces, alone.memory_bytes)


def test_torch_has_its_own_number_of_threads_back_behind_a_worker_in_this_process(
    tmp_path: Path, model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker of 4 cores computes with 4 threads; 3 are set here, in this thread and in new ones."""
    import torch

    seen: list[int] = []
    compute = worker.compute_pieces

    def watching(*arguments: Any) -> Any:
        seen.append(torch.get_num_threads())
        return compute(*arguments)

    monkeypatch.setattr(worker, "compute_pieces", watching)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with (
            cluster.quiet_dask(),
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=4, processes=False, dashboard_address="127.0.0.1:0"
            ) as own,
        ):
            by_dask(
                plan_map(holey(tmp_path / "a.tif", 61, 80), tmp_path / "map", model, OPTIONS), own.scheduler_address
            )
        assert set(seen) == {4}
        assert torch.get_num_threads() == 3
        with ThreadPoolExecutor(1) as new:
            assert new.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)


def test_the_command_computes_on_a_cluster(
    tmp_path: Path,
    model: ModelFile,
    scheduler: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_raster(tmp_path / "a.tif", noise(3, 45, 70))
    write_raster(tmp_path / "b.tif", noise(3, 70, 45))
    monkeypatch.chdir(tmp_path)  # relative names mean the same files on the workers
    words = ["predict", model.path, "a.tif", "b.tif", "--out", "maps", "--precision", "32", "--engine", "dask"]
    assert exit_code([*map(str, words), "--scheduler", scheduler.removeprefix("tcp://")]) == 0
    out, err = capfd.readouterr()
    assert "wrote maps/a: areas.csv" in out
    assert "wrote maps/b: areas.csv" in out
    assert "Traceback" not in err
    assert "distributed" not in err
    terrazzo.predict(model.path, ["a.tif", "b.tif"], out="here", device="auto", precision="32")
    for name in ("a", "b"):
        assert contents(tmp_path / "maps" / name) == contents(tmp_path / "here" / name)


# --- what cannot be


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"engine": "spark"}, "--engine spark: expected local or dask"),
        ({"scheduler": "tcp://a:1"}, "--scheduler tcp://a:1: is for --engine dask; add that, or leave --scheduler out"),
        ({"workers": 2}, "--workers 2: is for --engine dask"),
        ({"engine": "dask", "workers": 0}, "--workers 0: expected at least 1"),
        ({"engine": "dask", "workers": 2, "scheduler": "a:1"}, "--workers 2: the cluster at --scheduler has its own"),
    ],
)
def test_options_that_cannot_be(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        EngineOptions(**wrong)
    assert words in str(caught.value)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'needs distributed and fsspec, not .*`pip install "terrazzo\[dask\]"`'):
        EngineOptions("dask")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nothing://a", "127.0.0.1:port"])
def test_a_scheduler_that_does_not_answer_is_one_line(
    tmp_path: Path, model: ModelFile, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(connection, "_CONNECT_SECONDS", 0.3)
    job = plan_map(write_raster(tmp_path / "a.tif", noise(3, 45, 70)), tmp_path / "map", model, OPTIONS)
    with pytest.raises(InputError, match=f"--scheduler {address}: no Dask scheduler answers there .*leave --scheduler"):
        by_dask(job, address)


def test_a_damaged_raster_gives_the_line_that_it_gives_here(tmp_path: Path, model: ModelFile, scheduler: str) -> None:
    raster = write_raster(tmp_path / "a.tif", noise(3, 200, 300), tiled=True, blockxsize=64, blockysize=64)
    raster.write_bytes(raster.read_bytes()[:-20_000])
    job = plan_map(raster, tmp_path / "map", model, OPTIONS)
    with pytest.raises(ImageError, match=r"a\.tif: rows \d+ to \d+, columns \d+ to \d+ cannot be read .*is damaged"):
        by_dask(job, scheduler)
    assert [path.name for path in job.folder.iterdir()] == [".partial"]


def test_workers_that_are_not_as_here_are_named(
    tmp_path: Path, model: ModelFile, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = plan_map(write_raster(tmp_path / "a.tif", noise(3, 45, 70)), tmp_path / "map", model, OPTIONS)
    monkeypatch.setattr(cluster, "library_versions", lambda: {**worker.library_versions(), "torch": "1.0"})
    with pytest.raises(InputError, match=r"worker tcp://.* has torch .* instead of 1\.0; install the same versions"):
        by_dask(job, scheduler)
    monkeypatch.undo()
    elsewhere = replace(model, path=tmp_path / "gone.safetensors")
    with pytest.raises(InputError, match=r"gone\.safetensors: worker tcp://.* finds no file there; the model must lie"):
        by_dask(replace(job, model=elsewhere), scheduler)
    gone = replace(job.raster, height=46)
    with pytest.raises(InputError, match=r"a\.tif: worker tcp://.* finds another file there; rasters must lie"):
        by_dask(replace(job, raster=gone), scheduler)


def test_equipment_differs_by_the_first_thing_that_counts() -> None:
    here = Equipment({"numpy": "2.1", "torch": "2.5"}, "cpu", "bf16", 1)
    assert here.differs(here) is None
    assert replace(here, versions={"numpy": "2.1"}).differs(here) == "torch missing instead of 2.5"
    assert replace(here, device="cuda").differs(here) == "cuda (bf16) instead of cpu (bf16)"
    assert replace(here, precision="32").differs(here) == "cpu (32) instead of cpu (bf16)"
    assert replace(here, runtime="openvino").differs(here) == "openvino instead of torch"


def test_workers_without_the_package_are_named() -> None:
    class Lacking:
        def run(self, *_: Any, **__: Any) -> dict[str, Any]:
            return {"tcp://a:1": "0.1.0", "tcp://b:2": PackageNotFoundError("terrazzo")}

        def run_on_scheduler(self, *_: Any) -> str:
            return "0.1.0"

    with pytest.raises(InputError, match=r"worker tcp://b:2 has no terrazzo; install it there"):
        connection.check_installed(Lacking())


def test_threads_are_a_power_of_two_on_no_more_cores() -> None:
    assert [steady_count(n) for n in (1, 2, 3, 4, 7, 8, 12, 96)] == [2, 2, 2, 4, 4, 8, 8, 64]
    import torch

    before = torch.get_num_threads()
    with steady_threads():
        assert torch.get_num_threads() == steady_count(before)
        with steady_threads(9):
            assert torch.get_num_threads() == 8
    assert torch.get_num_threads() == before


def test_log_levels_are_put_back() -> None:
    logger = logging.getLogger("distributed.nanny")
    level = logger.level
    with cluster.quiet_dask():
        assert not logger.isEnabledFor(logging.ERROR)
    assert logger.level == level
