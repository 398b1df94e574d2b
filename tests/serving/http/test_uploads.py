"""`/uploads` over HTTP: in one request or in pieces, bounded while it streams, and every hostile file refused."""

import contextlib
import hashlib
import http.client
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from starlette.testclient import TestClient

from terrazzo.serving.folder import new_id
from terrazzo.serving.http import uploads
from terrazzo.system.files import write_json
from tests.worlds.hostile import CORPUS, PATHS, Hostile, photo, raster
from tests.worlds.served import TOKENS, app, listening

RAW = photo("PNG")
SHA256 = hashlib.sha256(RAW).hexdigest()
HALF = len(RAW) // 2
PNG = {"Content-Type": "image/png"}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(app(tmp_path, root_path="/maps"), base_url="http://localhost")


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "data" / "uploads").rglob("*") if path.is_file()]


def begun(client: TestClient, length: int = len(RAW), **headers: str) -> str:
    """The address of an upload with no bytes yet."""
    answer = client.post("/uploads", headers={**PNG, "Upload-Length": str(length), **headers})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def test_one_request_makes_a_complete_upload(client: TestClient) -> None:
    answer = client.post("/uploads", content=RAW, headers={**PNG, "X-Filename": "M%C3%BCnchen.png"})
    found = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == found["href"] == f"/maps/uploads/{found['id']}"
    assert (found["sha256"], found["length"], found["offset"]) == (SHA256, len(RAW), len(RAW))
    assert (found["complete"], found["media_type"], found["name"]) == (True, "image/png", "München.png")
    assert found["header"] == {
        **{"width": 51, "height": 37, "bands": 3},
        **{"dtype": "uint8", "crs": None, "driver": "PNG"},
    }
    assert client.get(found["href"]).json() == found


def test_a_raster_tells_its_crs(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/uploads", content=raster(tmp_path), headers={"Content-Type": "image/tiff"})
    assert answer.json()["header"] == {
        **{"width": 96, "height": 80, "bands": 3},
        **{"dtype": "uint8", "crs": "EPSG:32618", "driver": "GTiff"},
    }


def test_an_upload_in_two_pieces_has_the_sha256_of_the_whole(client: TestClient) -> None:
    place = begun(client)
    head = client.head(place)
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("0", str(len(RAW)))
    first = client.patch(place, content=RAW[:HALF], headers={"Upload-Offset": "0"})
    assert (first.status_code, first.headers["upload-offset"]) == (204, str(HALF))
    assert client.head(place).headers["upload-offset"] == str(HALF)
    assert client.get(place).json()["complete"] is False
    last = client.patch(place, content=RAW[HALF:], headers={"Upload-Offset": str(HALF)})
    assert (last.status_code, last.json()["sha256"], last.json()["complete"]) == (200, SHA256, True)
    again = client.patch(place, headers={"Upload-Offset": str(len(RAW))})
    assert (again.status_code, again.json()["sha256"]) == (200, SHA256)


def test_a_wrong_offset_is_409_and_tells_the_right_one(client: TestClient) -> None:
    place = begun(client)
    client.patch(place, content=RAW[:HALF], headers={"Upload-Offset": "0"})
    answer = client.patch(place, content=RAW, headers={"Upload-Offset": "0"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["upload-offset"] == str(HALF)
    assert answer.json()["offset"] == HALF
    assert answer.json()["detail"] == f"Upload-Offset 0: the upload holds {HALF} bytes; go on from there"


def test_more_than_the_stated_length_is_413_and_takes_nothing_back_or_on(client: TestClient, tmp_path: Path) -> None:
    place = begun(client, 100)
    client.patch(place, content=bytes(60), headers={"Upload-Offset": "0"})
    for body in (bytes(41), iter([bytes(20), bytes(21)])):  # with a stated length, and chunked
        assert client.patch(place, content=body, headers={"Upload-Offset": "60"}).status_code == 413
        assert client.head(place).headers["upload-offset"] == "60"


@pytest.mark.parametrize(
    ("headers", "status", "says"),
    [
        ({"Upload-Length": "-1"}, 400, "Upload-Length -1: expected a whole number of bytes"),
        ({"Upload-Length": "many"}, 400, "expected a whole number"),
        ({"Upload-Length": "9" * 18}, 413, "--max-upload"),
        ({"Upload-Length": "0"}, 422, "is empty"),
        ({}, 422, "is empty"),
        ({"Upload-Length": "5", "Content-Type": "image/gif"}, 415, "expected image/tiff"),
        ({"Upload-Length": "5", "Content-Encoding": "gzip"}, 415, "Content-Encoding"),
    ],
)
def test_an_upload_that_cannot_begin_says_why_and_leaves_nothing(
    client: TestClient, tmp_path: Path, headers: dict[str, str], status: int, says: str
) -> None:
    answer = client.post("/uploads", headers={**PNG, **headers})
    assert answer.status_code == status
    assert says in answer.json()["detail"]
    assert files(tmp_path) == []


def test_a_refused_type_names_those_that_are_taken(client: TestClient) -> None:
    answer = client.post("/uploads", content=b"a=b", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 415
    assert answer.headers["accept-post"] == "image/tiff, image/jpeg, image/png, image/webp, image/bmp, image/jp2"


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_no_form_is_appended(client: TestClient, content_type: str) -> None:
    headers = {"Upload-Offset": "0", "Content-Type": content_type}
    assert client.patch(begun(client), content=b"x", headers=headers).status_code == 415


@pytest.mark.parametrize("offset", [{}, {"Upload-Offset": "x"}])
def test_appending_needs_an_offset(client: TestClient, offset: dict[str, str]) -> None:
    answer = client.patch(begun(client), content=b"x", headers=offset)
    assert (answer.status_code, answer.json()["detail"].partition(":")[0][:13]) == (400, "Upload-Offset")


def test_a_removed_upload_is_gone(client: TestClient, tmp_path: Path) -> None:
    place = begun(client)
    assert client.delete(place).status_code == 204
    assert files(tmp_path) == []
    for method in ("GET", "HEAD", "PATCH", "DELETE"):
        assert client.request(method, place).status_code == 404


def test_an_upload_that_a_job_needs_stays_until_the_job_is_dismissed(client: TestClient) -> None:
    place = begun(client)
    jobs = client.app.state.site.jobs  # type: ignore[attr-defined]
    job = jobs.submit("dubai", {"image": place.rpartition("/")[2]}, "")
    answer = client.delete(place)
    assert (answer.status_code, job.id in answer.json()["detail"]) == (409, True)
    jobs.dismiss(job.id)
    assert client.delete(place).status_code == 204


def test_an_upload_whose_map_is_being_improved_stays(client: TestClient) -> None:
    place = begun(client)
    site = client.app.state.site  # type: ignore[attr-defined]
    map_id = new_id()
    site.folder.map(map_id).mkdir(parents=True)
    write_json(site.folder.map(map_id) / "map.json", {"upload": place.rpartition("/")[2]})
    job = site.jobs.submit("improve", {"map": map_id}, "")
    answer = client.delete(place)
    assert (answer.status_code, job.id in answer.json()["detail"]) == (409, True)
    site.jobs.dismiss(job.id)
    assert client.delete(place).status_code == 204


def test_another_ones_upload_is_404_as_if_it_were_not_there(tmp_path: Path) -> None:
    client = TestClient(app(tmp_path, tokens=True), base_url="http://localhost")
    ann, ben, root = ({"Authorization": f"Bearer {TOKENS[name]}"} for name in ("ann", "ben", "root"))
    assert client.post("/uploads", headers=PNG, content=RAW).status_code == 401
    place = begun(client, **ann)
    absent = f"/uploads/{'0' * 32}"
    for method in ("GET", "HEAD", "PATCH", "DELETE"):
        answers = [client.request(method, address, headers=ben) for address in (place, absent)]
        assert [answer.status_code for answer in answers] == [404, 404]
    assert client.get(place, headers=ann).status_code == 200
    assert client.get(place, headers=root).status_code == 200


@pytest.mark.parametrize("attack", CORPUS, ids=lambda attack: attack.name)
def test_a_hostile_file_is_refused_in_one_line_and_leaves_nothing(
    client: TestClient, tmp_path: Path, attack: Hostile
) -> None:
    headers = {"Content-Type": attack.media_type, "X-Filename": "x.img"}
    answer = client.post("/uploads", content=attack.make(tmp_path), headers=headers)
    assert answer.status_code == attack.status, answer.text
    detail = answer.json()["detail"]
    assert attack.says in detail
    assert str(tmp_path) not in detail  # where things lie on the server is nobody's business
    assert "root:" not in detail  # the first line of /etc/passwd
    assert files(tmp_path) == []
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("name", PATHS)
def test_a_name_that_is_a_path_is_only_a_title(client: TestClient, tmp_path: Path, name: str) -> None:
    before = set(tmp_path.parent.rglob("*"))
    answer = client.post("/uploads", content=RAW, headers={**PNG, "X-Filename": name})
    assert answer.status_code == 201
    assert not set(answer.json()["name"]) & set("/\\\0")
    written = {path for path in set(tmp_path.parent.rglob("*")) - before if path.is_file()}
    assert {path.name for path in written} == {"body.png", "upload.json"}


@pytest.mark.parametrize("path", ["..%2f..", "..%2f..%2fetc%2fpasswd", "0" * 31, "A" * 32])
def test_an_address_that_is_no_id_is_404(client: TestClient, path: str) -> None:
    assert client.get(f"/maps/uploads/{path}").status_code == 404


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A real server that takes 100,000 bytes an upload."""
    with listening(app(tmp_path, max_upload=100_000)) as url:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        yield parts.hostname, parts.port


@pytest.fixture
def connection(address: tuple[str, int]) -> Iterator[http.client.HTTPConnection]:
    with contextlib.closing(http.client.HTTPConnection(*address)) as connection:
        yield connection


def test_a_chunked_body_is_refused_while_it_streams_and_the_disk_is_as_before(
    connection: http.client.HTTPConnection, tmp_path: Path
) -> None:
    chunks = iter([b"\x89PNG\r\n\x1a\n" + bytes(60_000)] * 50)
    connection.request("POST", "/uploads", body=chunks, headers=PNG, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, "--max-upload" in json.loads(answer.read())["detail"]) == (413, True)
    assert files(tmp_path) == []


def test_a_stated_length_past_the_cap_is_refused_before_its_body(address: tuple[str, int], tmp_path: Path) -> None:
    with socket.create_connection(address) as connection:
        lines = "POST /uploads HTTP/1.1", "Host: localhost", "Content-Type: image/png", "Content-Length: 100001"
        connection.sendall("\r\n".join((*lines, "Expect: 100-continue", "", "")).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
    assert files(tmp_path) == []


def test_a_connection_cut_at_half_keeps_what_came_and_is_resumed(
    address: tuple[str, int], connection: http.client.HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PIECE", 1)
    connection.request("POST", "/uploads", headers={**PNG, "Upload-Length": str(len(RAW))})
    answer = connection.getresponse()
    answer.read()
    place = answer.headers["Location"]
    with socket.create_connection(address) as cut:
        lines = f"PATCH {place} HTTP/1.1", "Host: localhost", "Upload-Offset: 0", f"Content-Length: {len(RAW)}"
        cut.sendall("\r\n".join((*lines, "", "")).encode() + RAW[:HALF])
        offset = 0
        while offset < HALF:
            connection.request("HEAD", place)
            answer = connection.getresponse()
            answer.read()
            offset = int(answer.headers["Upload-Offset"])
    connection.request("PATCH", place, body=RAW[offset:], headers={"Upload-Offset": str(offset)})
    assert json.loads(connection.getresponse().read())["sha256"] == SHA256


def test_one_request_that_is_cut_leaves_nothing(
    address: tuple[str, int], connection: http.client.HTTPConnection, tmp_path: Path
) -> None:
    with socket.create_connection(address) as cut:
        lines = "POST /uploads HTTP/1.1", "Host: localhost", "Content-Type: image/png", f"Content-Length: {len(RAW)}"
        cut.sendall("\r\n".join((*lines, "", "")).encode() + RAW[:HALF])
        while not files(tmp_path):  # the upload has begun
            connection.request("GET", "/health")
            connection.getresponse().read()
    while files(tmp_path):
        connection.request("GET", "/health")
        connection.getresponse().read()


@pytest.mark.parametrize("n_uploads", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_of_many_uploads_by_twenty_clients_at_once_none_is_lost(tmp_path: Path, n_uploads: int) -> None:
    """200 uploads of 2 MB raise the memory of this process, which holds the server, by less than 100 MB."""
    raw = photo("BMP", 800, 850)
    memory = psutil.Process().memory_info().rss
    with listening(app(tmp_path)) as url, ThreadPoolExecutor(20) as clients:
        parts = urlsplit(url)

        def send(_: int) -> tuple[int, str]:
            with contextlib.closing(http.client.HTTPConnection(parts.netloc)) as connection:
                connection.request("POST", "/uploads", body=raw, headers={"Content-Type": "image/bmp"})
                answer = connection.getresponse()
                return answer.status, json.loads(answer.read()).get("sha256", "")

        answers = list(clients.map(send, range(n_uploads)))
    assert set(answers) == {(201, hashlib.sha256(raw).hexdigest())}
    assert len(files(tmp_path)) == 2 * n_uploads
    assert psutil.Process().memory_info().rss - memory < 100 << 20


def test_a_used_up_quota_is_507_and_the_server_lives_and_takes_the_next_one(tmp_path: Path) -> None:
    client = TestClient(app(tmp_path, quota=300_000), base_url="http://localhost")
    first = client.post("/uploads", content=photo("BMP", 200, 250), headers={"Content-Type": "image/bmp"})  # 150 kB
    assert first.status_code == 201
    full = client.post("/uploads", content=photo("BMP", 200, 270), headers={"Content-Type": "image/bmp"})
    assert (full.status_code, full.json()["detail"].partition(":")[0]) == (507, "--quota")
    assert len(files(tmp_path)) == 2
    assert client.get("/health").status_code == 200
    assert client.delete(first.headers["location"]).status_code == 204
    again = client.post("/uploads", content=photo("BMP", 200, 250), headers={"Content-Type": "image/bmp"})
    assert again.status_code == 201


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_507_and_the_server_lives_and_takes_the_next_one(small_disk: Path) -> None:
    with listening(app(small_disk)) as url, httpx.Client(base_url=url, trust_env=False) as client:
        large = photo("BMP", 800, 850)  # 2 MB, with a stated length, and chunked
        for body, words in ((large, "0 MB are free on the disk, 2 MB are needed"), (iter([large]), "the disk is full")):
            answer = client.post("/uploads", content=body, headers={"Content-Type": "image/bmp"})
            assert (answer.status_code, words in answer.json()["detail"]) == (507, True), answer.text
            assert files(small_disk) == []
        assert client.get("/health").status_code == 200
        assert client.post("/uploads", content=RAW, headers=PNG).status_code == 201
