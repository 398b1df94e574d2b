"""Improvements over the routes of workers: who gets them, what is kept for them, and models that are refused."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from terrazzo.model.header import LineageStep
from terrazzo.serving.http.site import Site
from terrazzo.serving.jobs.job import IMPROVE, Status
from terrazzo.serving.jobs.versions import publish_version
from terrazzo.serving.remote.order import sha256_of
from terrazzo.system.files import read_json, write_json
from tests.worlds.joining import placed, program, result_of, scene, send, site_with_tokens
from tests.worlds.models import write_model

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 0]]]}
SCORES = {"before": {"pixels": 144, "polygons": 1, "mean_iou": 0.5}, "after": {"pixels": 144, "mean_iou": 1.0}}


def drawn(*classes: str) -> dict[str, Any]:
    features = [{"type": "Feature", "geometry": SQUARE, "properties": {"class": name}} for name in classes]
    return {"type": "FeatureCollection", "features": features}


SIX = drawn("Red", "Red", "Green", "Green", "Blue", "Blue")
"""Of the first five the last is kept aside whose class has another: Blue, the fifth, so five are trained on."""


@dataclass
class World:
    """A finished map with corrections, and the improvement that waits for a worker."""

    site: Site
    anna: TestClient
    gpu: TestClient
    map_id: str
    job_id: str
    results: Path

    @property
    def parent(self) -> Path:
        return self.site.settings.models / "tiny.safetensors"

    def claim(self, trains: bool = True, worker: TestClient | None = None) -> dict[str, Any]:
        answer = (worker or self.gpu).post("/work/claim", json={"trains": trains})
        assert answer.status_code == 200, answer.text
        order: dict[str, Any] = answer.json()
        return order

    def result(self, order: dict[str, Any], how: str = "train --from") -> Path:
        """The files of a worker that has improved the model."""
        folder = result_of(self.site, order, self.results / self.job_id)
        step = LineageStep(how, (sha256_of(self.parent),), steps=10)
        write_model(folder / "model.safetensors", lineage=(step,))
        lineage = {
            **{"parent": "tiny", "parent_sha256": sha256_of(self.parent), "map": self.map_id, "job": self.job_id},
            **{"corrections_sha256": order["corrections"]["sha256"], "created": "2026-01-31T12:00:00Z"},
            **{"polygons": {"trained": 5, "kept_aside": 1}, "scores": SCORES},
        }
        write_json(folder / "lineage.json", lineage)
        return folder

    def status(self) -> Status:
        job = self.site.jobs.get(self.job_id)
        assert job is not None
        return job.status


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    results = tmp_path_factory.getbasetemp() / "results"
    results.mkdir(exist_ok=True)
    site = site_with_tokens(tmp_path / "server")
    gpu, map_id = program(site, "gpu"), placed(site)
    folder = result_of(site, gpu.post("/work/claim").json(), results / map_id)
    site.folder.map(map_id).parent.mkdir()
    folder.rename(site.folder.map(map_id))
    assert site.jobs.finish(map_id, "remote:gpu:", {})
    correct(site, map_id, SIX)
    job_id = site.jobs.submit(IMPROVE, {"map": map_id}, "anna").id
    return World(site, program(site, "anna"), gpu, map_id, job_id, results)


def correct(site: Site, map_id: str, collection: dict[str, Any]) -> None:
    site.folder.corrections(map_id).parent.mkdir(exist_ok=True)
    write_json(site.folder.corrections(map_id), collection)


def test_only_a_worker_that_trains_gets_an_improvement(world: World) -> None:
    box = program(world.site, "box")
    assert box.post("/work/claim").status_code == 204
    assert box.post("/work/claim", json={"trains": False}).status_code == 204
    later = placed(world.site)
    assert world.claim(trains=False, worker=box)["jobID"] == later, "what waits behind it is not held up"
    assert world.claim()["jobID"] == world.job_id


def test_the_page_offers_improvements_while_a_worker_that_trains_is_there(world: World) -> None:
    def offered() -> dict[str, Any]:
        found: dict[str, Any] = world.anna.get("/processes").json()["improve"]
        return found

    world.gpu.post("/work/claim", json={"trains": False})
    assert offered()["available"] is False
    assert offered()["reason"] == (
        "improving a model: no worker can train now, as the server has none of its own; start it with --workers 1; "
        'or start `terrazzo work` on a machine with `pip install "terrazzo[train]"`'
    )
    refused = world.anna.post("/processes/improve/execution", json={"map": world.map_id})
    assert (refused.status_code, refused.json()["detail"]) == (422, offered()["reason"])
    world.claim()
    assert (offered()["available"], offered()["reason"]) == (True, None)
    asked = world.anna.post("/processes/improve/execution", json={"map": world.map_id})
    assert (asked.status_code, asked.json()["status"]) == (201, "accepted")


def test_a_server_that_was_started_since_learns_it_from_a_heartbeat(world: World) -> None:
    world.claim()
    again = replace(world.site, machines=type(world.site.machines)())
    gpu, anna = program(again, "gpu"), program(again, "anna")
    assert anna.get("/processes").json()["improve"]["available"] is False
    assert gpu.post(f"/work/{world.job_id}/heartbeat", json={"trains": True}).status_code == 200
    assert anna.get("/processes").json()["improve"]["available"] is True


def test_an_order_names_everything_that_an_improvement_reads_and_another_worker_has_none_of_it(world: World) -> None:
    order = world.claim()
    paths = {
        "upload": ("image", scene()),
        "model": ("model", world.parent.read_bytes()),
        "corrections": ("corrections", world.site.folder.corrections(world.map_id).read_bytes()),
        "before": ("before", (world.site.folder.map(world.map_id) / "classes.tif").read_bytes()),
    }
    box = program(world.site, "box")
    for path, (name, content) in paths.items():
        answer = world.gpu.get(f"/work/{world.job_id}/{path}")
        assert (answer.status_code, answer.content, len(content)) == (200, content, order[name]["size"])
        assert box.get(f"/work/{world.job_id}/{path}").status_code == 404
        assert world.gpu.get(f"/work/{world.map_id}/{path}").status_code == 404, "a job that it had before"
    assert (order["of_map"], order["version"], order["model_id"]) == (world.map_id, 2, "tiny")
    assert {"model.safetensors", "lineage.json"} < order["files"].keys()
    assert order["files"]["model.safetensors"] == world.site.settings.max_upload


def test_what_a_job_reads_is_what_it_was_at_its_first_claim(world: World) -> None:
    """Whoever goes on with it, and whatever the owner draws meanwhile."""
    first = world.claim()
    correct(world.site, world.map_id, drawn("Red"))
    assert world.claim()["corrections"] == first["corrections"]
    world.gpu.put(f"/work/{world.job_id}/files/areas.csv", content=b"x")
    world.gpu.post(f"/work/{world.job_id}/release", json={"died": True})
    left = {path.name for path in world.site.folder.job(world.job_id).iterdir()}
    assert left == {"corrections.geojson", "before.tif"}
    world.site.folder.corrections(world.map_id).unlink()
    box = program(world.site, "box")
    second = world.claim(worker=box)
    assert {name: second[name] for name in ("corrections", "before")} == {
        name: first[name] for name in ("corrections", "before")
    }


def test_nothing_of_a_job_stays_after_its_third_death(world: World) -> None:
    for _ in range(3):
        world.claim()
        world.gpu.post(f"/work/{world.job_id}/release", json={"died": True})
    assert world.status() is Status.FAILED
    assert not world.site.folder.job(world.job_id).exists()


def test_a_result_becomes_a_version_whose_lineage_the_server_writes(world: World) -> None:
    folder = world.result(world.claim())
    sent = {path.name: path.read_bytes() for path in folder.iterdir()}
    send(world.gpu, world.job_id, folder)
    assert not world.site.folder.models.exists()
    for _ in range(2):
        answer = world.gpu.post(f"/work/{world.job_id}/finish")
        assert (answer.status_code, answer.json()) == (200, {"status": "successful"})
    version, made = world.site.folder.models / "tiny-v2", world.site.folder.map(world.job_id)
    assert [path.name for path in world.site.folder.models.iterdir()] == ["tiny-v2"]
    assert {path.name for path in version.iterdir()} == {"model.safetensors", "lineage.json"}
    assert (version / "model.safetensors").read_bytes() == sent["model.safetensors"]
    lineage, given = read_json(version / "lineage.json"), read_json(folder / "lineage.json")
    assert lineage | {"created": ""} == given | {"created": ""}
    assert lineage["created"] > given["created"], "the server's own clock"
    assert {path.name for path in made.iterdir()} == sent.keys() - {"model.safetensors", "lineage.json"}
    assert (made / "classes.tif").read_bytes() == sent["classes.tif"]
    assert read_json(made / "map.json")["model"] == read_json(made / "run.json")["model"]["path"] == "tiny-v2"
    job = world.site.jobs.get(world.job_id)
    assert job is not None
    assert job.result == {"model": "tiny-v2", "before": world.map_id, "scores": SCORES}
    assert not world.site.folder.job(world.job_id).exists()


def test_a_version_that_another_job_took_meanwhile_is_not_replaced(world: World) -> None:
    order = world.claim()
    taken = world.site.folder.root / "taken"
    taken.mkdir()
    write_model(taken / "model.safetensors")
    publish_version(taken, world.site.folder.models, "tiny", order["version"])
    send(world.gpu, world.job_id, world.result(order))
    assert world.gpu.post(f"/work/{world.job_id}/finish").status_code == 200
    assert {path.name for path in world.site.folder.models.iterdir()} == {"tiny-v2", "tiny-v3"}
    assert read_json(world.site.folder.map(world.job_id) / "map.json")["model"] == "tiny-v3"


@pytest.mark.parametrize("with_map", [True, False])
def test_a_server_that_died_between_version_and_its_note_makes_no_second_one(world: World, with_map: bool) -> None:
    folder = world.result(world.claim())
    version = world.site.folder.models / "tiny-v2"
    version.mkdir(parents=True)
    for name in ("model.safetensors", "lineage.json"):
        (version / name).write_bytes((folder / name).read_bytes())
    if with_map:
        for name in ("model.safetensors", "lineage.json"):
            (folder / name).unlink()
        folder.rename(world.site.folder.map(world.job_id))
        assert world.gpu.post("/work/claim", json={"trains": True}).status_code == 204
    else:
        send(world.gpu, world.job_id, folder)
        assert world.gpu.post(f"/work/{world.job_id}/finish").status_code == 200
    assert [path.name for path in world.site.folder.models.iterdir()] == ["tiny-v2"]
    job = world.site.jobs.get(world.job_id)
    assert job is not None
    assert (job.status, job.result["model"], job.result["scores"]) == (Status.SUCCESSFUL, "tiny-v2", SCORES)
    assert not world.site.folder.job(world.job_id).exists()


def lineage(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: write_json(folder / "lineage.json", read_json(folder / "lineage.json") | changes)


def model(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: write_model(folder / "model.safetensors", **changes) and None


def unlinked(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def no_model(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"x" * 99)


def of(*parents: str) -> tuple[LineageStep, ...]:
    return (LineageStep("train --from", parents, steps=10),)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (unlinked("model.safetensors"), "model.safetensors: was not sent"),
        (unlinked("lineage.json"), "lineage.json: was not sent"),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 99) and None,
            "model.safetensors: is no model",
        ),
        (model(), "model.safetensors: is not trained from the model of the job"),
        (model(lineage=of("0" * 64)), "model.safetensors: is not trained from the model of the job"),
        (lineage(parent="other"), "lineage.json: parent is not that of the job"),
        (lineage(parent_sha256="0" * 64), "lineage.json: parent_sha256 is not that of the job"),
        (lineage(map="0" * 32), "lineage.json: map is not that of the job"),
        (lineage(job="0" * 32), "lineage.json: job is not that of the job"),
        (lineage(corrections_sha256="0" * 64), "lineage.json: corrections_sha256 is not that of the job"),
        (lineage(polygons={"trained": 6, "kept_aside": 0}), "lineage.json: polygons is not that of the job"),
        (lineage(scores={"before": None}), "lineage.json: scores.after: Field required"),
        (lineage(scores={"before": None, "after": {"<b>": 1.0}}), "lineage.json: scores.after"),
        (lineage(scores={"before": None, "after": {"mean_iou": "1"}}), "lineage.json: scores.after.mean_iou"),
        (lineage(more=1), "lineage.json: more: Extra inputs are not permitted"),
        (unlinked("classes.tif"), "classes.tif: was not sent"),
    ],
)
def test_a_model_that_does_not_improve_the_jobs_fails_it(
    world: World, change: Callable[[Path], None], words: str
) -> None:
    folder = world.result(world.claim())
    change(folder)
    send(world.gpu, world.job_id, folder)
    answer = world.gpu.post(f"/work/{world.job_id}/finish")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(words)
    assert world.status() is Status.FAILED
    assert not world.site.folder.models.exists()
    assert not world.site.folder.map(world.job_id).exists()
    assert not world.site.folder.job(world.job_id).exists()


def test_a_model_of_other_classes_does_not_improve_the_jobs(world: World) -> None:
    folder = world.result(world.claim())
    write_model(folder / "model.safetensors", names=("Red", "Blue", "Green"), lineage=of(sha256_of(world.parent)))
    send(world.gpu, world.job_id, folder)
    detail = world.gpu.post(f"/work/{world.job_id}/finish").json()["detail"]
    assert detail == "model.safetensors: is not trained from the model of the job"


def test_a_map_of_a_job_is_no_place_for_a_model(world: World) -> None:
    later = placed(world.site)
    assert world.claim(trains=False)["jobID"] == later
    for name in ("model.safetensors", "lineage.json"):
        assert world.gpu.put(f"/work/{later}/files/{name}", content=b"x").status_code == 404
