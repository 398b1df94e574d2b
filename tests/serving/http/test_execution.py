"""A request becomes a job: both forms of inputs, refusals with the words of the command line, waiting."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from terrazzo.serving.folder import new_id
from terrazzo.serving.http.execution import seconds_of
from terrazzo.serving.http.site import Site
from tests.worlds.site import TOKENS, client_of, finish, make_site, upload

RUN = "/processes/tiny/execution"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


@pytest.fixture
def client(site: Site) -> TestClient:
    return client_of(site)


@pytest.fixture
def image(client: TestClient, tmp_path: Path) -> str:
    return upload(client, tmp_path / "files")


def test_ogcs_form_the_bare_object_and_plain_ids_make_the_same_job(client: TestClient, site: Site, image: str) -> None:
    upload_id = image.removeprefix("/uploads/")
    options = {"tta": "flips", "mapping_unit": 4}
    forms: list[dict[str, Any]] = [
        {"inputs": {"image": {"href": image}, **options}},
        {"inputs": {"image": image, **options}, "outputs": {}, "response": "document", "mode": "async"},
        {"image": {"href": image}, **options},
        {"image": upload_id, **options},
    ]
    for form in forms:
        answer = client.post(RUN, json=form)
        assert answer.status_code == 201
        job = answer.json()
        assert answer.headers["location"] == f"/jobs/{job['jobID']}"
        assert (job["status"], job["progress"], job["type"], job["processID"]) == ("accepted", 0, "process", "tiny")
        assert site.jobs.get(job["jobID"]).inputs == {"image": upload_id, **options}  # type: ignore[union-attr]
    places = [job["place"] for job in client.get("/jobs").json()["jobs"]]
    assert places == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"widow": 64}, "inputs widow: not known; expected image, window, overlap, tta, tta_scales, bands, scale"),
        ({"out": "/etc"}, "inputs out: not known"),
        ({"device": "cuda"}, "inputs device: not known"),
        ({"window": 33}, "--window 33: expected a multiple of 32, as 32 or 64"),
        ({"window": "64"}, 'inputs.window "64": Input should be a valid integer'),
        ({"window": 64.5}, "inputs.window 64.5: Input should be a valid integer"),
        ({"tta": "all"}, "--tta all: expected"),
        ({"tta": None}, "inputs.tta null: Input should be a valid string"),
        ({"simplify": -1}, "--simplify -1: expected 0"),
        ({"mapping_unit": 0}, "--mapping-unit 0: expected at least 1 pixel"),
        ({"nodata": True}, "inputs.nodata true: "),
        ({"scale": "5,1"}, "--scale 5,1"),
        ({"overlap": 400}, "--overlap 400: expected 0 to half the window, 256 pixels"),
    ],
    ids=str,
)
def test_options_are_refused_with_the_line_of_the_command(
    client: TestClient, image: str, options: dict[str, Any], words: str
) -> None:
    answer = client.post(RUN, json={"image": image, **options})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(words)
    assert client.get("/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "inputs.image: is no address; expected"),
        (7, "inputs.image: is no address"),
        ({"value": "x"}, "inputs.image: is no address"),
        ("", "inputs.image '': is no address of this server; expected /uploads/ID or the id"),
        ("/etc/passwd", "inputs.image '/etc/passwd': is no address of this server"),
        ("/uploads/../jobs", "inputs.image '/uploads/../jobs': is no address"),
        ("http://169.254.169.254/uploads/" + "0" * 32, "inputs.image 'http://169.254.169.254/"),
        ("file:///etc/passwd", "inputs.image 'file:///etc/passwd': is no address"),
        ("/vsicurl/http://evil", "inputs.image '/vsicurl/http://evil': is no address"),
        ({"href": "/uploads/" + "0" * 32}, f"inputs.image {'0' * 32}: no upload has this id; send the image to POST"),
    ],
    ids=str,
)
def test_an_image_that_is_no_upload_is_refused(client: TestClient, value: Any, words: str) -> None:
    answer = client.post(RUN, json={"image": value})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(words)


def test_an_image_is_asked_for(client: TestClient) -> None:
    assert client.post(RUN, json={}).json()["detail"].startswith('inputs.image: is missing; expected {"href": "/up')
    assert "expected an object" in client.post(RUN, json={"inputs": []}).json()["detail"]
    assert client.post(RUN, json={"inputs": {}, "subscriber": {}}).json()["detail"].startswith("subscriber: not known")


def test_an_upload_that_is_not_complete_is_refused(client: TestClient) -> None:
    begun = client.post("/uploads", headers={"Upload-Length": "9", "Content-Type": "image/tiff"})
    answer = client.post(RUN, json={"image": begun.headers["location"]})
    assert answer.status_code == 422
    assert "is not complete; send the rest by PATCH" in answer.json()["detail"]


def test_a_model_that_is_not_there_is_404(client: TestClient, image: str) -> None:
    answer = client.post("/processes/huge/execution", json={"image": image})
    assert (answer.status_code, answer.json()["detail"]) == (404, "huge: no such model; GET /processes lists them")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_another_content_type_is_415(client: TestClient, kind: str) -> None:
    answer = client.post(RUN, content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert answer.json()["detail"].endswith("expected application/json")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"x": NaN}', b"[" * 100_000], ids=lambda text: repr(text[:9])
)
def test_a_body_that_is_no_json_object_is_400(client: TestClient, text: bytes) -> None:
    assert client.post(RUN, content=text, headers={"Content-Type": "application/json"}).status_code == 400


def test_a_large_body_is_413_stated_or_not(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    assert client.post(RUN, content=b" " * (2**20 + 1), headers=headers).status_code == 413
    pieces = (b" " * 2**16 for _ in range(17))  # chunked: no length is stated
    assert client.post(RUN, content=pieces, headers=headers).status_code == 413


def test_a_full_queue_is_429_with_a_time_to_try_again(tmp_path: Path) -> None:
    client = client_of(make_site(tmp_path, max_queue=2))
    image = upload(client, tmp_path / "files")
    statuses = [client.post(RUN, json={"image": image}).status_code for _ in range(2)]
    answer = client.post(RUN, json={"image": image})
    assert [*statuses, answer.status_code] == [201, 201, 429]
    assert answer.headers["retry-after"] == "30"
    assert answer.json()["detail"].startswith("the queue is full: 2 jobs wait already")


def test_an_upload_of_another_is_not_there(tmp_path: Path) -> None:
    site = make_site(tmp_path, TOKENS)
    anna, ben, root = (client_of(site, f"token-of-{name}") for name in ("anna", "ben", "root"))
    image = upload(anna, tmp_path / "files")
    assert "no upload has this id" in ben.post(RUN, json={"image": image}).json()["detail"]
    assert anna.post(RUN, json={"image": image}).status_code == 201
    assert root.post(RUN, json={"image": image}).status_code == 201


def test_waiting_gives_the_result_of_a_job_that_ends_in_time(client: TestClient, site: Site, image: str) -> None:
    def work() -> None:
        while not (jobs := site.jobs.jobs()):
            pass
        finish(site, jobs[0].id)

    worker = threading.Thread(target=work)
    worker.start()
    answer = client.post(RUN, json={"image": image}, headers={"Prefer": "wait=50"})
    worker.join()
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=50"
    assert answer.headers["location"].startswith("/jobs/")
    assert answer.json()["stac_version"]
    assert "classes" in answer.json()["assets"]


def test_waiting_for_a_job_that_is_too_slow_gives_the_job(client: TestClient, image: str) -> None:
    answer = client.post(RUN, json={"image": image}, headers={"Prefer": "respond-async, wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (201, "accepted")


def test_the_seconds_of_prefer() -> None:
    assert seconds_of("wait=10") == 10
    assert seconds_of('respond-async, Wait = "7"') == 7
    assert seconds_of("handling=lenient; wait=999999") == 60
    assert [seconds_of(text) for text in ("", "respond-async", "await=3", "wait=-1", "wait=x")] == [0] * 5


def test_without_training_an_improvement_is_refused_with_the_command_that_adds_it(
    client: TestClient, site: Site, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("terrazzo.system.extras.installed", lambda package: package != "lightning")
    job_id = client.post(RUN, json={"image": image}).json()["jobID"]
    finish(site, job_id)
    answer = client.post("/processes/improve/execution", json={"map": job_id})
    line = (
        'improving a model needs lightning, not installed here; install the extra with `pip install "terrazzo[train]"`'
    )
    assert (answer.status_code, answer.json()["detail"]) == (422, line)
    offered = client.get("/processes").json()["improve"]
    assert (offered["available"], offered["reason"]) == (False, line)


def test_an_improvement_needs_a_finished_map_with_corrections(client: TestClient, site: Site, image: str) -> None:
    run = "/processes/improve/execution"
    assert "no map has this id" in client.post(run, json={"map": new_id()}).json()["detail"]
    assert client.post(run, json={"map": image}).json()["detail"].startswith(f"inputs.map '{image}': is no address")
    assert client.post(run, json={"map": new_id(), "tta": "d4"}).json()["detail"] == (
        "inputs tta: not known; expected map"
    )
    job_id = client.post(RUN, json={"image": image}).json()["jobID"]
    assert "is no finished map" in client.post(run, json={"map": job_id}).json()["detail"]
    finish(site, job_id)
    assert "has no corrections; send them to PUT" in client.post(run, json={"map": job_id}).json()["detail"]
    site.folder.corrections(job_id).parent.mkdir()
    site.folder.corrections(job_id).write_text(json.dumps(drawn("a")))
    model = site.settings.models / "tiny.safetensors"
    hidden = model.rename(model.with_name("hidden"))
    assert "was made by tiny, which is no longer there" in client.post(run, json={"map": job_id}).json()["detail"]
    hidden.rename(model)
    answer = client.post(run, json={"inputs": {"map": {"href": f"/maps/{job_id}"}}})
    assert (answer.status_code, answer.json()["processID"]) == (201, "improve")
    assert site.jobs.get(answer.json()["jobID"]).inputs == {"map": job_id}  # type: ignore[union-attr]


def drawn(classes: str, *aside: int, trained: int = 0) -> dict[str, Any]:
    """Corrections as they are kept: a polygon a letter, those at `aside` kept aside, the first `trained` trained on."""
    features = []
    for place, name in enumerate(classes):
        ring = [[place, 0], [place + 1, 0], [place + 1, 1], [place, 0]]
        used = {"kept_aside": place in aside} if place < trained else {}
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "geometry": geometry, "properties": {"class": name, **used}})
    return {"type": "FeatureCollection", "features": features}


def test_an_improvement_carries_the_corrections_to_its_map_as_it_uses_them(
    client: TestClient, site: Site, image: str
) -> None:
    """What is drawn on the first map later is not learnt from, as the job was accepted before."""
    job_id = client.post(RUN, json={"image": image}).json()["jobID"]
    finish(site, job_id)
    path = site.folder.corrections(job_id)
    path.parent.mkdir()
    path.write_text(json.dumps(drawn("aaaaab")))
    improved = client.post("/processes/improve/execution", json={"map": job_id}).json()["jobID"]
    path.write_text(json.dumps(drawn("c")))
    kept = json.loads(site.folder.corrections(improved).read_text())
    assert kept == drawn("aaaaab", 4, trained=6)  # the last of five is kept aside
    assert path.read_text() == json.dumps(drawn("c"))


def test_an_improvement_is_refused_if_nothing_is_left_to_train_on(client: TestClient, site: Site, image: str) -> None:
    job_id = client.post(RUN, json={"image": image}).json()["jobID"]
    finish(site, job_id)
    path = site.folder.corrections(job_id)
    path.parent.mkdir()
    path.write_text(json.dumps(drawn("a", 0, trained=1)))
    answer = client.post("/processes/improve/execution", json={"map": job_id})
    line = f"inputs.map {job_id}: keeps all its polygons aside for the score; draw another to train on"
    assert (answer.status_code, answer.json()["detail"]) == (422, line)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_full_queue_leaves_no_corrections_behind(client: TestClient, site: Site, image: str) -> None:
    job_id = client.post(RUN, json={"image": image}).json()["jobID"]
    finish(site, job_id)
    path = site.folder.corrections(job_id)
    path.parent.mkdir()
    path.write_text(json.dumps(drawn("a")))
    site.jobs.max_queue = 0
    assert client.post("/processes/improve/execution", json={"map": job_id}).status_code == 429
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_suggestions_take_how_many_boxes_and_their_side(client: TestClient, site: Site, image: str) -> None:
    run = "/processes/suggest/execution"
    job_id = client.post(RUN, json={"image": image}).json()["jobID"]
    finish(site, job_id)
    wrong = client.post(run, json={"map": job_id, "boxes": 0})
    assert wrong.json()["detail"] == "inputs.boxes 0: expected a whole number from 1 to 100"
    made = client.post(run, json={"map": job_id, "boxes": 3})
    inputs = site.jobs.get(made.json()["jobID"]).inputs  # type: ignore[union-attr]
    assert inputs == {"map": job_id, "boxes": 3, "box_size": 256}
