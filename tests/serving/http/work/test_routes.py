"""The routes of workers: who may use them, what a lease allows, and results that are refused."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from terrazzo._version import __version__
from terrazzo.serving.folder import new_id
from terrazzo.serving.http.app import build_app
from terrazzo.serving.http.site import Site
from terrazzo.serving.jobs.job import Status
from terrazzo.serving.remote import receiving
from terrazzo.system.files import read_json, same_content, write_json
from tests.worlds.joining import placed, program, raster, result_of, scene, send, site_with_tokens
from tests.worlds.served import listening
from tests.worlds.site import client_of

ROUTES = [
    ("POST", "/work/claim"),
    ("POST", "/work/{id}/heartbeat"),
    ("GET", "/work/{id}/upload"),
    ("GET", "/work/{id}/model"),
    ("GET", "/work/{id}/corrections"),
    ("GET", "/work/{id}/before"),
    ("PUT", "/work/{id}/files/classes.tif"),
    ("POST", "/work/{id}/finish"),
    ("POST", "/work/{id}/fail"),
    ("POST", "/work/{id}/release"),
]
OF_A_JOB = ROUTES[1:]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_with_tokens(tmp_path / "server")


@pytest.fixture
def anna(site: Site) -> TestClient:
    return program(site, "anna")


@pytest.fixture
def gpu(site: Site) -> TestClient:
    return program(site, "gpu")


@pytest.fixture
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.getbasetemp() / "results"
    folder.mkdir(exist_ok=True)
    return folder


def claimed(worker: TestClient) -> dict[str, Any]:
    answer = worker.post("/work/claim")
    assert answer.status_code == 200, answer.text
    order: dict[str, Any] = answer.json()
    return order


def status(site: Site, job_id: str) -> tuple[Status, int]:
    job = site.jobs.get(job_id)
    assert job is not None
    return job.status, job.deaths


def test_only_workers_may_use_the_routes_of_workers(site: Site) -> None:
    job_id, nobody = placed(site), client_of(site)
    users = [program(site, name) for name in ("anna", "root")]
    for method, path in ROUTES:
        for user in users:
            answer = user.request(method, path.format(id=job_id))
            assert (answer.status_code, answer.json()["detail"][:38]) == (403, "this address is for workers alone; use")
        assert nobody.request(method, path.format(id=job_id)).status_code == 401
    assert status(site, job_id) == (Status.ACCEPTED, 0)


def test_workers_may_use_no_other_route(site: Site, gpu: TestClient) -> None:
    job_id = placed(site)
    for path in ("/jobs", "/jobs/{id}", "/processes", "/jobs/{id}/results", "/maps/{id}/classes.tif"):
        assert gpu.get(path.format(id=job_id)).status_code == 403
    assert gpu.post("/uploads", content=b"x", headers={"Content-Type": "image/tiff"}).status_code == 403


def test_an_order_says_what_the_job_needs_and_the_downloads_are_that(
    site: Site, anna: TestClient, gpu: TestClient
) -> None:
    job_id = placed(site)
    order = claimed(gpu)
    model = (site.settings.models / "tiny.safetensors").read_bytes()
    assert (order["jobID"], order["processID"], order["model_id"]) == (job_id, "tiny", "tiny")
    assert (order["name"], order["options"], order["corrections"]) == ("field.tif", {}, None)
    assert (order["files"]["classes.tif"], order["files"]["areas.csv"]) == (site.settings.max_upload, 64 << 20)
    for kind, body, suffix in (("image", scene(), ".tif"), ("model", model, ".safetensors")):
        expected = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "suffix": suffix}
        assert order[kind] == expected
    assert gpu.get(f"/work/{job_id}/upload").content == scene()
    assert gpu.get(f"/work/{job_id}/model", headers={"Range": "bytes=0-9,5-20"}).content == model
    assert gpu.get(f"/work/{job_id}/corrections").status_code == 404
    assert anna.get(f"/jobs/{job_id}").json()["status"] == "running"


def test_a_worker_has_one_job_and_gets_it_again(site: Site, gpu: TestClient) -> None:
    assert gpu.post("/work/claim").status_code == 204
    one, two = placed(site), placed(site)
    assert [claimed(gpu)["jobID"] for _ in range(2)] == [one, one]
    other = gpu.post("/work/claim", headers={"X-Worker": "ab"})  # another machine with the same token
    assert other.json()["jobID"] == two
    assert gpu.post("/work/claim", headers={"X-Worker": "cd"}).status_code == 204
    assert gpu.post("/work/claim", headers={"X-Worker": "gpu"}).status_code == 400


def test_another_version_gets_no_job(site: Site, gpu: TestClient) -> None:
    placed(site)
    answer = gpu.post("/work/claim", json={"version": "0.0.1"})
    assert answer.status_code == 409
    assert answer.json()["detail"] == f"this machine has terrazzo 0.0.1; install {__version__}, as the server has"
    assert gpu.post("/work/claim", json={"version": __version__}).status_code == 200


def test_a_job_that_another_worker_has_is_not_there(site: Site, gpu: TestClient) -> None:
    one = placed(site)
    claimed(gpu)
    two = placed(site)  # which nobody has
    box = program(site, "box")
    for method, path in OF_A_JOB:
        for job_id in (one, two, new_id(), "x" * 32, "jobs.sqlite"):
            assert box.request(method, path.format(id=job_id)).status_code == 404
        assert gpu.request(method, path.format(id=one), headers={"X-Worker": "ab"}).status_code == 404
    assert (status(site, one), status(site, two)) == ((Status.RUNNING, 0), (Status.ACCEPTED, 0))


def test_a_dismissed_job_is_not_there(site: Site, anna: TestClient, gpu: TestClient) -> None:
    job_id = placed(site)
    claimed(gpu)
    gpu.put(f"/work/{job_id}/files/areas.csv", content=b"class")
    anna.delete(f"/jobs/{job_id}")
    for method, path in OF_A_JOB:
        assert gpu.request(method, path.format(id=job_id)).status_code == 404
    assert status(site, job_id)[0] is Status.DISMISSED
    assert not site.folder.map(job_id).exists()
    assert not site.folder.job(job_id).exists()


HOSTILE = (
    *("x.tif", "classes.tif.vrt", "..%2f..%2fjobs.sqlite", "../map.json", ".hidden", "CLASSES.TIF"),
    *("suggestions.geojson", "classes.tif%00.vrt"),
)


def test_no_other_name_is_taken(site: Site, gpu: TestClient) -> None:
    job_id = placed(site)
    claimed(gpu)
    before = {path for path in site.folder.root.rglob("*") if path.is_file()}
    for name in HOSTILE:
        assert gpu.put(f"/work/{job_id}/files/{name}", content=b"x").status_code in (404, 405), name
    assert {path for path in site.folder.root.rglob("*") if path.is_file()} == before


def test_a_file_is_capped_stated_or_not(gpu: TestClient, monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    monkeypatch.setattr(receiving, "MOST_SMALL", 9)
    job_id = placed(site)
    claimed(gpu)
    path = f"/work/{job_id}/files/areas.csv"
    good = gpu.put(path, content=b"123456789")
    assert good.json() == {"name": "areas.csv", "size": 9, "sha256": hashlib.sha256(b"123456789").hexdigest()}
    assert gpu.put(path, content=b"1234567890").status_code == 413
    assert gpu.put(path, content=(b"12345" for _ in range(2))).status_code == 413  # chunked
    assert [found.read_bytes() for found in site.folder.job(job_id).rglob("*.csv")] == [b"123456789"]
    assert not list(site.folder.root.rglob("*.partial"))


def test_a_result_is_published_whole_and_finishing_twice_is_the_same(
    site: Site, anna: TestClient, gpu: TestClient, results: Path
) -> None:
    job_id = placed(site)
    folder = result_of(site, claimed(gpu), results / job_id)
    send(gpu, job_id, folder)
    assert not site.folder.map(job_id).exists()
    for _ in range(2):
        answer = gpu.post(f"/work/{job_id}/finish")
        assert (answer.status_code, answer.json()) == (200, {"status": "successful"})
    assert same_content(site.folder.map(job_id), folder)
    assert not site.folder.job(job_id).exists()
    assert anna.get(f"/jobs/{job_id}/results").json()["properties"]["terrazzo:model"] == "tiny"
    assert gpu.get(f"/work/{job_id}/upload").status_code == 404


def text(name: str, words: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(words) and None


def about(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: write_json(folder / "map.json", read_json(folder / "map.json") | changes)


def zeros(name: str, bands: int, size: tuple[int, int]) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(raster(folder / name, bands, size)) and None


VRT = '<VRTDataset rasterXSize="50" rasterYSize="40"><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'
CLASS = {"id": 0, "name": "Red", "color": "#000000"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "confidence.tif").unlink(), "confidence.tif: was not sent; expected classes.tif, "),
        (lambda folder: (folder / "map.json").unlink(), "map.json: was not sent"),
        (text("classes.tif", VRT), "classes.tif: its content is no image"),
        (text("image.tif", "II*\0 nothing"), "image.tif: "),
        (
            zeros("image.tif", 3, (41, 50)),
            "image.tif: has 3 bands of uint8 and 50 x 41 pixels; expected 3 of uint8 and",
        ),
        (zeros("classes.tif", 2, (40, 50)), "classes.tif: has 2 bands"),
        (text("classes.gpkg", "no database"), "classes.gpkg: is no file of its kind"),
        (text("quicklook.png", "<svg/>"), "quicklook.png: is no file of its kind"),
        (text("run.json", "[]"), "run.json: is no JSON object"),
        (text("map.json", "{}"), "map.json: job: Field required"),
        (about(job="0" * 32), "map.json: job is not that of the job"),
        (about(model="other"), "map.json: model is not that of the job"),
        (about(upload="0" * 32), "map.json: upload is not that of the job"),
        (about(name="<b>"), "map.json: name is not that of the job"),
        (about(options={"tta": "d4"}), "map.json: options is not that of the job"),
        (about(classes=[CLASS]), "map.json: the classes are not those of the model"),
        (about(shape=[40]), "map.json: shape: "),
        (about(transform=[0.0] * 6), "map.json: the transform places no pixels"),
        (about(more=1), "map.json: more: Extra inputs are not permitted"),
        (text("areas.csv", "no table"), "areas.csv: "),
    ],
)
def test_a_result_that_is_not_the_jobs_fails_the_job(
    site: Site, anna: TestClient, gpu: TestClient, results: Path, change: Callable[[Path], None], words: str
) -> None:
    job_id = placed(site)
    folder = result_of(site, claimed(gpu), results / job_id)
    change(folder)
    send(gpu, job_id, folder)
    answer = gpu.post(f"/work/{job_id}/finish")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(words)
    found = anna.get(f"/jobs/{job_id}").json()
    assert found["status"] == "failed"
    assert found["message"].startswith(f"the worker sent a result that was refused: {words}")
    assert not site.folder.map(job_id).exists()
    assert not site.folder.job(job_id).exists()


def test_a_map_that_is_in_place_already_ends_its_job(site: Site, gpu: TestClient, results: Path) -> None:
    """As after a server that was killed between the rename and its note of it."""
    job_id = placed(site)
    folder = result_of(site, claimed(gpu), results / job_id)
    send(gpu, job_id, folder)
    site.folder.map(job_id).parent.mkdir(exist_ok=True)
    folder.rename(site.folder.map(job_id))
    site.jobs.release(job_id, "remote:gpu:", died=False)
    assert gpu.post("/work/claim").status_code == 204
    assert status(site, job_id) == (Status.SUCCESSFUL, 0)


def test_a_heartbeat_says_how_far_the_job_is(site: Site, anna: TestClient, gpu: TestClient) -> None:
    job_id = placed(site)
    claimed(gpu)
    told = {"progress": 40, "pieces": 3, "message": "pre\ndicting\x1b[2J" + "x" * 999, "seconds_left": 9.5}
    answer = gpu.post(f"/work/{job_id}/heartbeat", json=told)
    assert (answer.status_code, answer.json()) == (200, {"lease_seconds": 30.0})
    job = anna.get(f"/jobs/{job_id}").json()
    assert (job["progress"], job["seconds_left"]) == (40, 9.5)
    assert (job["message"][:16], len(job["message"])) == ("pre dicting[2Jxx", 200)
    for wrong in ({"progress": 101}, {"pieces": -1}, {"pieces": "3"}, {"seconds_left": "soon"}):
        assert gpu.post(f"/work/{job_id}/heartbeat", json=wrong).status_code == 422
    assert gpu.post(f"/work/{job_id}/heartbeat", json={"pieces": 5.0}).status_code == 200  # 5.0 is whole in JSON
    assert gpu.post(f"/work/{job_id}/heartbeat", json={"pieces": 5.5}).status_code == 422


def test_a_failure_ends_the_job_with_its_reason(site: Site, anna: TestClient, gpu: TestClient) -> None:
    job_id = placed(site)
    claimed(gpu)
    assert gpu.post(f"/work/{job_id}/fail", json={}).status_code == 422
    gpu.post(f"/work/{job_id}/fail", json={"reason": "field.tif: cannot be read"})
    job = anna.get(f"/jobs/{job_id}").json()
    assert (job["status"], job["message"]) == ("failed", "field.tif: cannot be read")


def test_three_deaths_fail_a_job_and_giving_back_is_none(site: Site, gpu: TestClient) -> None:
    job_id = placed(site)
    claimed(gpu)
    assert gpu.post(f"/work/{job_id}/release").status_code == 204
    assert status(site, job_id) == (Status.ACCEPTED, 0)
    for deaths in (1, 2, 3):
        claimed(gpu)
        assert gpu.post(f"/work/{job_id}/release", json={"died": True}).status_code == 204
        assert status(site, job_id)[1] == deaths
    assert status(site, job_id)[0] is Status.FAILED


def test_a_new_piece_forgives_earlier_deaths(site: Site, gpu: TestClient) -> None:
    job_id = placed(site)
    for pieces in (0, 1, 2, 3):
        claimed(gpu)
        gpu.post(f"/work/{job_id}/heartbeat", json={"pieces": pieces})
        gpu.post(f"/work/{job_id}/release", json={"died": True})
    assert status(site, job_id) == (Status.ACCEPTED, 1)


def test_a_job_whose_upload_is_gone_fails_and_the_next_is_given(site: Site, gpu: TestClient) -> None:
    one, two = placed(site), placed(site)
    job = site.jobs.get(one)
    assert job is not None
    site.uploads.remove(job.inputs["image"])
    assert claimed(gpu)["jobID"] == two
    assert status(site, one)[0] is Status.FAILED


def box_at(*corner: Any) -> dict[str, Any]:
    ring = [list(corner), [9, 0], [9, 9], list(corner)]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"kind": "box", "rank": 1, "reason": "uncertain", "novelty": None},
    }


@pytest.mark.parametrize(
    ("features", "n_boxes"),
    [([box_at(0, 0)], 1), ([], 0), ([box_at("x", 0)], None), ([box_at({}, 0)], None), ([{}], None), ({}, None)],
)
def test_suggestions_are_boxes_and_polygons(
    site: Site, anna: TestClient, gpu: TestClient, results: Path, features: Any, n_boxes: int | None
) -> None:
    map_id = placed(site)
    folder = result_of(site, claimed(gpu), results / map_id)
    site.folder.map(map_id).parent.mkdir()
    folder.rename(site.folder.map(map_id))
    assert site.jobs.finish(map_id, "remote:gpu:", {})
    job_id = anna.get(f"/maps/{map_id}/suggestions").json()["jobID"]
    order = claimed(gpu)
    assert (order["jobID"], order["processID"], order["of_map"]) == (job_id, "suggest", map_id)
    sent = {"type": "FeatureCollection", "features": features}
    gpu.put(f"/work/{job_id}/files/suggestions.geojson", json=sent)
    assert gpu.put(f"/work/{job_id}/files/classes.tif", content=b"").status_code == 404
    answer = gpu.post(f"/work/{job_id}/finish")
    job = site.jobs.get(job_id)
    assert job is not None
    if n_boxes is None:
        assert (answer.status_code, job.status) == (422, Status.FAILED)
        assert not site.folder.suggestions(map_id).exists()
    else:
        assert (answer.status_code, job.result) == (200, {"map": map_id, "boxes": n_boxes})
        assert anna.get(f"/maps/{map_id}/suggestions").json() == sent


def test_finishing_twice_at_once_is_the_same(site: Site, results: Path) -> None:
    job_id = placed(site)
    with listening(build_app(site)) as address, httpx.Client(base_url=address, timeout=600) as gpu:
        gpu.headers["Authorization"] = "Bearer token-of-gpu"
        folder = result_of(site, gpu.post("/work/claim").json(), results / job_id)
        for path in folder.iterdir():
            gpu.put(f"/work/{job_id}/files/{path.name}", content=path.read_bytes())
        with ThreadPoolExecutor(2) as clients:
            answers = list(clients.map(lambda _: gpu.post(f"/work/{job_id}/finish"), range(2)))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert same_content(site.folder.map(job_id), folder)
