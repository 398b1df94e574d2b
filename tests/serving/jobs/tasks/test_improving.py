"""Models improved by workers: what is learnt from, what is published, and what a killed worker loses."""

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyproj
import pytest
import rasterio
import shapely

from terrazzo.errors import TerrazzoError
from terrazzo.model.header import read_header
from terrazzo.model.runtimes.kept import keeping_model
from terrazzo.serving.jobs.assigning import assign
from terrazzo.serving.jobs.job import IMPROVE, Job, Status
from terrazzo.serving.jobs.store import JobStore
from terrazzo.serving.jobs.supervising import Bench
from terrazzo.serving.jobs.tasks.reporting import Report
from terrazzo.serving.jobs.worker import outcome
from terrazzo.serving.models import Catalogue
from terrazzo.serving.settings import Settings
from terrazzo.system.files import file_digest, read_json
from terrazzo.training.train import train
from tests.worlds.jobs import MODEL, ended, found, kill_its_worker, settings_in, until, upload
from tests.worlds.short_training import short_training

HEIGHT, WIDTH = 90, 130
Square = tuple[int, int, str]
"""Left column, top row and class of a square of 12 pixels."""
FIVE: tuple[Square, ...] = ((2, 2, "Red"), (40, 2, "Green"), (80, 2, "Blue"), (2, 40, "Red"), (40, 40, "Blue"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training of 10 steps."""
    few = partial(train, changes={"train.steps": 10})
    monkeypatch.setattr("terrazzo.serving.jobs.tasks.improving.train", few)


def compute_here(settings: Settings, process: str, inputs: Mapping[str, Any]) -> Job:
    """A job, computed in this process as a worker does."""
    store = JobStore(settings.data.jobs_table)
    store.submit(process, inputs, "ada")
    job = store.claim("here")
    assert job is not None
    try:
        assignment = assign(job, settings, Catalogue(settings).path_of)
        said = outcome(assignment, Report(lambda message: None, job.id))
    except TerrazzoError as error:
        said = {"failed": str(error)}
    if "done" in said:
        store.finish(job.id, "here", said["done"])
        shutil.rmtree(settings.data.job(job.id))
    else:
        store.fail(job.id, "here", said["failed"])
    return found(store, job)


def mapped(settings: Settings, suffix: str = ".tif") -> Job:
    return compute_here(settings, MODEL, {"image": upload(settings, suffix, HEIGHT, WIDTH)})


def correct(settings: Settings, job: Job, squares: Sequence[Square]) -> None:
    """Keep squares as the corrections of a map, in the coordinates that it takes."""
    with rasterio.open(settings.data.map(job.id) / "classes.tif") as grid:
        crs, transform = grid.crs, grid.transform
    features = []
    for left, top, name in squares:
        shape = shapely.box(left, top, left + 12, top + 12)
        if crs is not None:
            to_degrees = pyproj.Transformer.from_crs(crs.to_wkt(), "OGC:CRS84", always_xy=True).transform
            shape = shapely.Polygon([to_degrees(*(transform @ point)) for point in shape.exterior.coords])
        geometry = shapely.geometry.mapping(shape)
        features.append({"type": "Feature", "geometry": geometry, "properties": {"class": name}})
    path = settings.data.corrections(job.id)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def improved(settings: Settings, squares: Sequence[Square], suffix: str = ".tif") -> tuple[Job, Job]:
    """A map, and the improvement by its corrections."""
    before = mapped(settings, suffix)
    correct(settings, before, squares)
    return before, compute_here(settings, IMPROVE, {"map": before.id})


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_an_improvement_is_a_version_with_its_lineage_and_a_map_of_its_own(settings: Settings, suffix: str) -> None:
    before, job = improved(settings, FIVE, suffix)
    assert job.status is Status.SUCCESSFUL, job.message
    assert (job.result["model"], job.result["before"]) == ("tiny-v2", before.id)
    data = settings.data
    assert {path.name for path in (data.models / "tiny-v2").iterdir()} == {"model.safetensors", "lineage.json"}
    lineage = read_json(data.models / "tiny-v2" / "lineage.json")
    assert lineage | {"created": ""} == {
        "parent": MODEL,
        "parent_sha256": sha256(settings.models.read_bytes()).hexdigest(),
        "map": before.id,
        "corrections_sha256": sha256(data.corrections(before.id).read_bytes()).hexdigest(),
        "polygons": {"trained": 4, "kept_aside": 1},
        "job": job.id,
        "created": "",
        "scores": job.result["scores"],
    }
    for when in ("before", "after"):
        scores: dict[str, Any] = job.result["scores"][when]
        assert (scores["polygons"], scores["pixels"]) == (1, 12 * 12)
        assert 0 <= scores["mean_iou"] <= scores["accuracy"] <= 1
    header = read_header(data.models / "tiny-v2" / "model.safetensors")
    assert [step.how for step in header.lineage] == ["train --from"]
    about = read_json(data.map(job.id) / "map.json")
    old = read_json(data.map(before.id) / "map.json")
    assert (about["model"], about["job"]) == ("tiny-v2", job.id)
    assert {key: about[key] for key in ("shape", "crs", "transform", "upload")} == {
        key: old[key] for key in ("shape", "crs", "transform", "upload")
    }
    assert not data.job(job.id).exists()
    entry = Catalogue(settings).get("tiny-v2")
    assert entry is not None
    assert entry.parent == MODEL


@pytest.mark.usefixtures("short")
def test_with_fewer_than_five_polygons_none_is_kept_aside_and_the_message_says_so(settings: Settings) -> None:
    _, job = improved(settings, FIVE[:4])
    assert job.result["scores"] == {"before": None, "after": None}
    assert job.message.startswith("there are no scores, as fewer than 5 polygons were drawn")
    assert read_json(settings.data.models / "tiny-v2" / "lineage.json")["polygons"] == {
        "trained": 4,
        "kept_aside": 0,
    }


@pytest.mark.usefixtures("short")
def test_a_warm_worker_maps_to_the_same_bytes_before_and_after_it_has_trained(settings: Settings) -> None:
    with keeping_model():
        before, improvement = improved(settings, FIVE)
        after = mapped(settings)
    assert improvement.status is Status.SUCCESSFUL, improvement.message
    cold = mapped(settings)
    digests = {file_digest(settings.data.map(job.id) / "classes.tif") for job in (before, after, cold)}
    assert len(digests) == 1


def test_a_killed_worker_goes_on_training_and_ends_with_the_same_bytes(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", short_training(tmp_path / "short", 100))
    before = mapped(settings)
    correct(settings, before, FIVE)
    bench = Bench(settings, JobStore(settings.data.jobs_table), Catalogue(settings).path_of)
    try:
        # By a worker too: this process may have another number of threads, which adds in another order.
        whole = ended(bench, bench.store.submit(IMPROVE, {"map": before.id}, "ada"))
        job = bench.store.submit(IMPROVE, {"map": before.id}, "ada")
        run = settings.data.job(job.id) / "training"
        until(bench, lambda: (run / "metrics.csv").is_file())
        kill_its_worker(bench)
        until(bench, lambda: bench.slots[0].job is None)
        assert not (run / "model.safetensors").exists()
        correct(settings, before, FIVE[:1])  # what comes later changes nothing
        done = ended(bench, job)
    finally:
        bench.stop()
    assert (done.status, done.deaths, done.result["model"]) == (Status.SUCCESSFUL, 0, "tiny-v3"), done.message
    assert done.result["scores"] == whole.result["scores"]
    data = settings.data
    models = [file_digest(data.models / name / "model.safetensors") for name in ("tiny-v2", "tiny-v3")]
    maps = [file_digest(data.map(each.id) / "classes.tif") for each in (whole, job)]
    assert models[0] == models[1]
    assert maps[0] == maps[1]


@pytest.mark.usefixtures("short")
def test_a_worker_that_died_after_its_last_step_publishes_no_second_version(settings: Settings) -> None:
    before, first = improved(settings, FIVE)
    store, data = JobStore(settings.data.jobs_table), settings.data
    store.submit(IMPROVE, {"map": before.id}, "ada")
    job = store.claim("here")
    assert job is not None
    # What such a death leaves: version and map are in place.
    lineage = data.models / "tiny-v2" / "lineage.json"
    lineage.write_text(lineage.read_text().replace(first.id, job.id))
    data.map(first.id).rename(data.map(job.id))
    said = outcome(assign(job, settings, Catalogue(settings).path_of), Report(lambda message: None, job.id))
    assert said == {"done": first.result}
    assert [path.name for path in data.models.iterdir()] == ["tiny-v2"]


@pytest.mark.usefixtures("short")
def test_a_new_class_is_learnt_with_the_next_id(settings: Settings) -> None:
    _, job = improved(settings, [*FIVE, (80, 40, "Pool")])
    assert job.status is Status.SUCCESSFUL, job.message
    classes = read_json(settings.data.map(job.id) / "map.json")["classes"]
    assert [(row["id"], row["name"]) for row in classes] == [(0, "Red"), (1, "Green"), (2, "Blue"), (3, "Pool")]


@pytest.mark.usefixtures("short")
def test_polygons_that_cover_no_pixel_are_refused_without_the_servers_folders(settings: Settings) -> None:
    before = mapped(settings)
    correct(settings, before, [(200, 200, "Red")])
    job = compute_here(settings, IMPROVE, {"map": before.id})
    assert job.status is Status.FAILED
    assert job.message.startswith("the corrections: ")
    assert str(settings.data.root) not in job.message
    assert not settings.data.models.exists()


def test_a_map_without_corrections_is_refused(settings: Settings) -> None:
    before = mapped(settings)
    job = compute_here(settings, IMPROVE, {"map": before.id})
    assert job.status is Status.FAILED
    assert "has no corrections; draw some first" in job.message
