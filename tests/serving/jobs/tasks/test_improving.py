"""Models improved by workers: what is learnt from, what is published, and what a killed worker loses."""

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyproj
import pytest
import rasterio
import shapely

from terrazzo.model.header import read_header
from terrazzo.serving.jobs.job import IMPROVE, Job, Status
from terrazzo.serving.jobs.store import JobStore
from terrazzo.serving.jobs.supervising import Bench
from terrazzo.serving.models import Catalogue
from terrazzo.serving.settings import Settings
from terrazzo.system.files import file_digest, read_json
from tests.worlds.jobs import MODEL, bench_of, ended, kill_its_worker, settings_in, until, upload

HEIGHT, WIDTH = 90, 130
Square = tuple[int, int, str]
"""Left column, top row and class of a square of 12 pixels."""
FIVE: tuple[Square, ...] = ((2, 2, "Red"), (40, 2, "Green"), (80, 2, "Blue"), (2, 40, "Red"), (40, 40, "Blue"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def bench(settings: Settings) -> Iterator[Bench]:
    bench = bench_of(settings, JobStore(settings.data.jobs_table))
    yield bench
    bench.stop()


def mapped(bench: Bench, suffix: str = ".tif") -> Job:
    image = upload(bench.settings, suffix, HEIGHT, WIDTH)
    return ended(bench, bench.store.submit(MODEL, {"image": image}, "ada"))


def correct(bench: Bench, job: Job, squares: Sequence[Square]) -> None:
    """Keep squares as the corrections of a map, in the coordinates that it takes."""
    folder = bench.settings.data.map(job.id)
    with rasterio.open(folder / "classes.tif") as grid:
        crs, transform = grid.crs, grid.transform
    features = []
    for left, top, name in squares:
        shape = shapely.box(left, top, left + 12, top + 12)
        if crs is not None:
            to_degrees = pyproj.Transformer.from_crs(crs.to_wkt(), "OGC:CRS84", always_xy=True).transform
            place = [to_degrees(*(transform @ point)) for point in shape.exterior.coords]
            shape = shapely.Polygon(place)
        geometry = shapely.geometry.mapping(shape)
        features.append({"type": "Feature", "geometry": geometry, "properties": {"class": name}})
    path = bench.settings.data.corrections(job.id)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def improve(bench: Bench, of: Job) -> Job:
    return bench.store.submit(IMPROVE, {"map": of.id}, "ada")


def improved(bench: Bench, squares: Sequence[Square], suffix: str = ".tif") -> tuple[Job, Job]:
    """A map, and the improvement by its corrections."""
    before = mapped(bench, suffix)
    correct(bench, before, squares)
    return before, ended(bench, improve(bench, before))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_an_improvement_is_a_version_with_its_lineage_and_a_map_of_its_own(bench: Bench, suffix: str) -> None:
    before, job = improved(bench, FIVE, suffix)
    assert job.status is Status.SUCCESSFUL, job.message
    assert (job.result["model"], job.result["before"]) == ("tiny-v2", before.id)
    data = bench.settings.data
    assert {path.name for path in (data.models / "tiny-v2").iterdir()} == {"model.safetensors", "lineage.json"}
    lineage = read_json(data.models / "tiny-v2" / "lineage.json")
    assert lineage | {"created": ""} == {
        "parent": MODEL,
        "parent_sha256": sha256(bench.settings.models.read_bytes()).hexdigest(),
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
    entry = Catalogue(bench.settings).get("tiny-v2")
    assert entry is not None
    assert entry.parent == MODEL


def test_with_fewer_than_five_polygons_none_is_kept_aside_and_the_message_says_so(bench: Bench) -> None:
    _, job = improved(bench, FIVE[:4])
    assert job.result["scores"] == {"before": None, "after": None}
    assert job.message.startswith("there are no scores, as fewer than 5 polygons were drawn")
    assert read_json(bench.settings.data.models / "tiny-v2" / "lineage.json")["polygons"] == {
        "trained": 4,
        "kept_aside": 0,
    }


def test_a_killed_worker_goes_on_training_and_ends_with_the_same_bytes(bench: Bench) -> None:
    before, whole = improved(bench, FIVE)
    job = improve(bench, before)
    run = bench.settings.data.job(job.id) / "training"
    until(bench, lambda: (run / "metrics.csv").is_file())
    kill_its_worker(bench)
    until(bench, lambda: bench.slots[0].job is None)
    assert not (run / "model.safetensors").exists()
    bench.settings.data.corrections(before.id).write_text("{}")  # what came later changes nothing
    done = ended(bench, job)
    assert (done.status, done.result["model"]) == (Status.SUCCESSFUL, "tiny-v3")
    assert done.result["scores"] == whole.result["scores"]
    models, maps = bench.settings.data.models, bench.settings.data
    one, two = (models / name / "model.safetensors" for name in ("tiny-v2", "tiny-v3"))
    assert file_digest(one) == file_digest(two)
    assert file_digest(maps.map(whole.id) / "classes.tif") == file_digest(maps.map(job.id) / "classes.tif")


def test_a_worker_that_died_after_its_last_step_publishes_no_second_version(bench: Bench) -> None:
    """What such a death leaves: the version and the map are in place, and the folder of the job still there."""
    before, first = improved(bench, FIVE)
    data = bench.settings.data
    again = bench.store.submit(IMPROVE, {"map": before.id}, "ada")
    lineage = data.models / "tiny-v2" / "lineage.json"
    lineage.write_text(lineage.read_text().replace(first.id, again.id))
    data.map(first.id).rename(data.map(again.id))
    done = ended(bench, again)
    assert (done.status, done.result) == (Status.SUCCESSFUL, first.result)
    assert [path.name for path in data.models.iterdir()] == ["tiny-v2"]


def test_a_new_class_is_learnt_with_the_next_id(bench: Bench) -> None:
    _, job = improved(bench, [*FIVE, (80, 40, "Pool")])
    assert job.status is Status.SUCCESSFUL, job.message
    classes = read_json(bench.settings.data.map(job.id) / "map.json")["classes"]
    assert [(row["id"], row["name"]) for row in classes] == [(0, "Red"), (1, "Green"), (2, "Blue"), (3, "Pool")]


def test_polygons_that_cover_no_pixel_are_refused_without_the_servers_folders(bench: Bench) -> None:
    before = mapped(bench)
    correct(bench, before, [(200, 200, "Red")])
    job = ended(bench, improve(bench, before))
    assert job.status is Status.FAILED
    assert job.message.startswith("the corrections: ")
    assert str(bench.settings.data.root) not in job.message
    assert not bench.settings.data.models.exists()


def test_a_map_without_corrections_is_refused(bench: Bench) -> None:
    before = mapped(bench)
    job = ended(bench, improve(bench, before))
    assert job.status is Status.FAILED
    assert "has no corrections; draw some first" in job.message
