"""Workers that are killed, cancelled and restarted: no job is lost, and the bytes are the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import rasterio

from terrazzo.serving.jobs.job import Job, Status
from terrazzo.serving.jobs.store import JobStore
from terrazzo.serving.jobs.supervising import Bench
from terrazzo.serving.settings import Settings
from terrazzo.system.files import file_digest, read_json
from tests.worlds.jobs import MODEL, bench_of, ended, found, kill_its_worker, settings_in, until, upload

FILES = {
    *("areas.csv", "classes.gpkg", "classes.qml", "classes.tif", "classes.tif.aux.xml", "confidence.tif"),
    *("image.tif", "map.json", "quicklook.png", "run.json"),
}
LARGE = (1500, 1300)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def bench(settings: Settings) -> Iterator[Bench]:
    bench = bench_of(settings, JobStore(settings.data.jobs_table))
    yield bench
    bench.stop()


def submit(bench: Bench, suffix: str = ".tif", size: tuple[int, int] = (90, 130)) -> Job:
    return bench.store.submit(MODEL, {"image": upload(bench.settings, suffix, *size)}, "ada")


def digest(bench: Bench, job: Job) -> str:
    return file_digest(bench.settings.data.map(job.id) / "classes.tif")


def test_a_raster_becomes_a_map_with_its_picture_and_description(bench: Bench) -> None:
    job = ended(bench, submit(bench))
    assert (job.status, job.message, job.progress) == (Status.SUCCESSFUL, "", 100)
    folder = bench.settings.data.map(job.id)
    assert {path.name for path in folder.iterdir()} == FILES
    assert not bench.settings.data.job(job.id).exists()
    about = read_json(folder / "map.json")
    assert (about["model"], about["name"], about["shape"]) == (MODEL, "field.tif", [90, 130])
    assert sum(row["pixels"] for row in about["areas"]) == 90 * 130
    with rasterio.open(folder / "image.tif") as picture, rasterio.open(folder / "classes.tif") as classes:
        assert (picture.count, set(picture.dtypes)) == (3, {"uint8"})
        assert (picture.shape, picture.transform, picture.crs) == (classes.shape, classes.transform, classes.crs)
    assert str(bench.settings.data.root) not in (folder / "run.json").read_text()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_photo_becomes_a_map_without_a_place(bench: Bench) -> None:
    job = ended(bench, submit(bench, ".png"))
    assert job.status is Status.SUCCESSFUL, job.message
    folder = bench.settings.data.map(job.id)
    about = read_json(folder / "map.json")
    assert (about["crs"], about["shape"]) == (None, [90, 130])
    with rasterio.open(folder / "classes.tif") as classes:
        assert classes.crs is None


def test_an_upload_that_is_gone_fails_with_its_reason(bench: Bench) -> None:
    job = ended(bench, bench.store.submit(MODEL, {"image": "0" * 32}, "ada"))
    assert job.status is Status.FAILED
    assert job.message.endswith("upload it again")


def test_a_failure_names_the_upload_and_no_folder(bench: Bench) -> None:
    name = upload(bench.settings)
    (bench.settings.data.upload(name) / "body.tif").write_bytes(b"II*\0no raster at all")
    job = ended(bench, bench.store.submit(MODEL, {"image": name}, "ada"))
    assert job.status is Status.FAILED
    assert job.message.startswith("field.tif: ")
    assert str(bench.settings.data.root) not in job.message


def test_a_virtual_raster_in_an_upload_is_no_raster(bench: Bench, tmp_path: Path) -> None:
    name = upload(bench.settings)
    text = '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'
    (bench.settings.data.upload(name) / "body.tif").write_text(text)
    assert ended(bench, bench.store.submit(MODEL, {"image": name}, "ada")).status is Status.FAILED


def test_equal_uploads_give_equal_bytes_whenever_they_came(bench: Bench) -> None:
    one, two = submit(bench), submit(bench)
    assert [ended(bench, job).status for job in (one, two)] == [Status.SUCCESSFUL] * 2
    assert digest(bench, one) == digest(bench, two)


def test_a_killed_worker_loses_no_job_and_changes_no_byte(bench: Bench) -> None:
    whole, job = submit(bench, size=LARGE), submit(bench, size=LARGE)
    ended(bench, whole)
    until(bench, lambda: found(bench.store, job).status is Status.RUNNING)
    kill_its_worker(bench)
    until(bench, lambda: found(bench.store, job).deaths == 1)
    assert ended(bench, job).status is Status.SUCCESSFUL
    assert digest(bench, job) == digest(bench, whole)


def test_three_deaths_without_a_piece_fail_the_job_and_the_next_is_mapped(bench: Bench) -> None:
    job, other = submit(bench, size=LARGE), submit(bench)
    for _ in range(3):
        until(bench, lambda: bench.slots[0].job is not None)
        kill_its_worker(bench)
        until(bench, lambda: bench.slots[0].job is None)
    failed = found(bench.store, job)
    assert (failed.status, failed.deaths) == (Status.FAILED, 3)
    assert "died 3 times" in failed.message
    assert ended(bench, other).status is Status.SUCCESSFUL


def test_a_cancelled_job_frees_its_worker_and_leaves_nothing(bench: Bench) -> None:
    job, other = submit(bench, size=LARGE), submit(bench)
    until(bench, lambda: bench.slots[0].job is not None)
    bench.store.dismiss(job.id)
    bench.step(0)
    assert bench.slots[0].job is None
    assert ended(bench, other).status is Status.SUCCESSFUL
    assert found(bench.store, job).status is Status.DISMISSED
    data = bench.settings.data
    assert not data.job(job.id).exists()
    assert not data.map(job.id).exists()


def test_jobs_of_a_bench_that_stopped_are_taken_up_without_a_death(bench: Bench, settings: Settings) -> None:
    job = submit(bench, size=LARGE)
    until(bench, lambda: found(bench.store, job).status is Status.RUNNING)
    bench.stop()
    assert (found(bench.store, job).status, found(bench.store, job).deaths) == (Status.ACCEPTED, 0)
    again = bench_of(settings, JobStore(settings.data.jobs_table))
    again.take_up()
    try:
        assert ended(again, job).status is Status.SUCCESSFUL
    finally:
        again.stop()


def test_a_job_that_makes_no_piece_in_its_time_fails(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, job_seconds=0.0)
    bench = bench_of(settings, JobStore(settings.data.jobs_table))
    try:
        job = ended(bench, submit(bench, size=LARGE))
    finally:
        bench.stop()
    assert job.status is Status.FAILED
    assert "no new piece was finished" in job.message


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_suggestions_for_a_map_are_boxes_and_polygons(bench: Bench, suffix: str) -> None:
    mapped = ended(bench, submit(bench, suffix))
    job = ended(bench, bench.store.submit("suggest", {"map": mapped.id, "boxes": 2, "box_size": 32}, "ada"))
    assert job.status is Status.SUCCESSFUL, job.message
    assert job.result == {"map": mapped.id, "boxes": 2}
    features = read_json(bench.settings.data.suggestions(mapped.id))["features"]
    kinds = [feature["properties"]["kind"] for feature in features]
    assert (kinds.count("box"), set(kinds)) == (2, {"box", "polygon"})
    x, y = features[0]["geometry"]["coordinates"][0][0][:2]
    if suffix == ".png":
        assert (x % 32, y % 32) == (0, 0)
        assert 0 <= x <= 130
        assert 0 <= y <= 90
    else:
        assert -180 <= x <= 180
        assert -90 <= y <= 90


def bench_without_workers(folder: Path, lease_seconds: float = 30.0) -> Bench:
    settings = settings_in(folder, workers=0, lease_seconds=lease_seconds)
    return bench_of(settings, JobStore(settings.data.jobs_table))


def test_the_job_of_another_machine_is_not_the_servers_own(tmp_path: Path) -> None:
    bench = bench_without_workers(tmp_path)
    job = bench.store.submit(MODEL, {"image": "0" * 32}, "ada")
    bench.store.claim("remote:gpu:", seconds=-1)  # as where the server was away for longer than the lease
    bench.settings.data.job(job.id).mkdir(parents=True)
    bench.take_up()
    assert (found(bench.store, job).status, found(bench.store, job).worker) == (Status.RUNNING, "remote:gpu:")
    assert bench.store.release_expired() == []
    assert bench.settings.data.job(job.id).is_dir()
    bench.stop()
    assert found(bench.store, job).worker == "remote:gpu:"


def test_a_silent_machine_loses_its_job_and_three_of_them_fail_it(tmp_path: Path) -> None:
    bench = bench_without_workers(tmp_path, lease_seconds=0.2)
    job = bench.store.submit(MODEL, {"image": "0" * 32}, "ada")
    for deaths in (1, 2, 3):
        bench.store.claim(f"remote:gpu:{deaths}", seconds=0.1)
        bench.settings.data.job(job.id).mkdir(parents=True)  # what it had sent
        until(bench, lambda: found(bench.store, job).status is not Status.RUNNING)
        assert found(bench.store, job).deaths == deaths
        assert not bench.settings.data.job(job.id).exists()
    assert found(bench.store, job).status is Status.FAILED


def test_a_dismissed_job_goes_and_one_that_another_finished_stays(tmp_path: Path) -> None:
    bench = bench_without_workers(tmp_path)
    dismissed, finished = (bench.store.submit(MODEL, {"image": "0" * 32}, "ada") for _ in range(2))
    for job in (dismissed, finished):
        bench.store.claim("remote:gpu:")
        bench.settings.data.map(job.id).mkdir(parents=True)
    bench.store.dismiss(dismissed.id)
    bench.store.finish(finished.id, "remote:gpu:", {})
    for job in (dismissed, finished):
        bench._drop(job)
    assert [path.name for path in (bench.settings.data.root / "maps").iterdir()] == [finished.id]


def test_a_machine_that_slept_loses_no_lease_and_counts_no_death(settings: Settings) -> None:
    """Leases run on while a laptop sleeps; nobody could prolong them."""
    now = [1000.0]
    store = JobStore(settings.data.jobs_table, clock=lambda: now[0])
    bench = Bench(settings, store, lambda name: settings.models, clock=lambda: now[0])
    here, elsewhere = (store.submit(MODEL, {"image": "1" * 32}, "ada") for _ in range(2))
    bench.slots[0].job = store.claim(bench.slots[0].name)
    assert store.claim("remote:gpu:") is not None
    sent = settings.data.job(elsewhere.id) / "from-gpu"
    sent.mkdir(parents=True)
    now[0] += 8 * 3600
    bench.tend_leases()
    assert [(job.status, job.deaths) for job in store.running()] == [(Status.RUNNING, 0)] * 2
    assert sent.is_dir()
    for _ in range(2):  # awake, and the other machine is silent for longer than a lease
        now[0] += settings.lease_seconds - 1
        bench.tend_leases()
    assert [job.id for job in store.running()] == [here.id]
    assert (found(store, elsewhere).status, found(store, elsewhere).deaths) == (Status.ACCEPTED, 1)
    assert not sent.exists()
    bench.slots[0].job = None
