"""The server behind nginx and Caddy with TLS, set up as docs/how-to/serve.md says; skipped where they are missing."""

import hashlib
import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from terrazzo.serving.http.app import build_app
from terrazzo.serving.http.site import Site
from terrazzo.serving.jobs.job import Status
from tests.worlds.finished import MAP_ID, stripes, write_finished
from tests.worlds.joining import ended, machine, submitted
from tests.worlds.proxies import CADDY, NGINX, OPENSSL, Proxy, behind
from tests.worlds.served import listening
from tests.worlds.site import TOKENS, make_site

MB = 1 << 20
MOST = 8 * MB


def kinds() -> list[object]:
    """Each program at the root, and below a prefix that it passes on or takes off."""
    found = []
    for name, program in (("nginx", NGINX), ("caddy", CADDY)):
        missing = [what for what, path in ((name, program), ("openssl", OPENSSL)) if path is None]
        skip = pytest.mark.skipif(bool(missing), reason=f"{' and '.join(missing)}: not installed")
        for words in ((), ("/maps",), ("/maps", False)):
            way = "root" if not words else ("kept" if len(words) == 1 else "taken-off")
            found.append(pytest.param(Proxy(program, *words), marks=skip, id=f"{name}-{way}"))
    return found


@dataclass(frozen=True)
class World:
    """A server behind a proxy."""

    address: str
    cert: Path
    site: Site
    prefix: str

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self.address.removesuffix(self.prefix)

    @property
    def trust(self) -> ssl.SSLContext:
        """What takes the certificate."""
        return ssl.create_default_context(cafile=self.cert)

    def client(self, token: str | None = "token-of-anna", **headers: str) -> httpx.Client:
        """A program that knows the certificate."""
        own = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.address, verify=self.trust, headers={**own, **headers}, timeout=60)


@pytest.fixture(scope="module", params=kinds())
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    proxy: Proxy = request.param
    root = tmp_path_factory.mktemp("proxied")
    hosts = {"allow_hosts": ("maps.example.org",), "root_path": proxy.prefix}
    site = make_site(root / "site", TOKENS, max_upload=MOST, workers=0, lease_seconds=20.0, **hosts)
    write_finished(site.folder, stripes(700, 600))
    site.jobs.submit("tiny", {"image": "0" * 32}, "anna", MAP_ID)
    site.jobs.claim("here")
    site.jobs.finish(MAP_ID, "here", {})
    with listening(build_app(site)) as server, behind(proxy, server, root / "proxy") as (address, cert):
        yield World(address, cert, site, proxy.prefix)


def test_the_page_and_its_modules_are_there(world: World) -> None:
    with world.client(None) as client:
        assert client.get("/").text.startswith("<!doctype html>")
        script = client.get("/page/js/main.js")
        assert (script.status_code, script.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
        if world.prefix:
            bare = httpx.get(world.address, verify=world.trust)
            assert bare.is_redirect
            assert bare.headers["location"].removeprefix(world.origin) == f"{world.prefix}/"


def test_the_cookie_of_a_login_is_secure_and_for_the_prefix(world: World) -> None:
    with world.client(None, Origin=world.origin) as client:
        answer = client.post("/session", json={"token": "token-of-anna"})
        attributes = set(answer.headers["set-cookie"].split("; ")[1:])
        assert attributes >= {"HttpOnly", "Secure", "SameSite=strict", f"Path={world.prefix}/"}
        assert client.get("/jobs").json()["jobs"][0]["jobID"] == MAP_ID
        assert client.delete("/session").status_code == 204
        assert client.get("/jobs").status_code == 401


def test_foreign_hosts_and_origins_are_refused(world: World) -> None:
    with world.client() as client:
        assert client.get("/jobs", headers={"Host": "rebound.example.com"}).status_code == 400
        for foreign in ({"Origin": "https://evil.example.com"}, {"Sec-Fetch-Site": "cross-site"}):
            assert client.delete(f"/jobs/{MAP_ID}", headers=foreign).status_code == 403


def photo(path: Path) -> bytes:
    """A PNG of a few MB that cannot be compressed."""
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1200, 3), np.uint8)
    Image.fromarray(noise).save(path, compress_level=0)
    return path.read_bytes()


def test_a_large_upload_comes_whole_in_pieces_and_in_one_chunked_body(world: World, tmp_path: Path) -> None:
    body = photo(tmp_path / "photo.png")
    assert 3 * MB < len(body) < MOST
    wanted = hashlib.sha256(body).hexdigest()
    with world.client() as client:
        made = client.post("/uploads", headers={"Content-Type": "image/png", "Upload-Length": str(len(body))})
        place = made.headers["location"]
        assert place.startswith(f"{world.prefix}/uploads/")
        pieces = {"Content-Type": "application/offset+octet-stream"}
        half = client.patch(world.origin + place, content=body[: 2 * MB], headers={**pieces, "Upload-Offset": "0"})
        assert half.status_code == 204
        there = client.head(world.origin + place).headers["upload-offset"]
        assert there == str(2 * MB)
        rest = client.patch(world.origin + place, content=body[2 * MB :], headers={**pieces, "Upload-Offset": there})
        assert rest.json()["sha256"] == wanted
        parts = (body[start : start + 100_000] for start in range(0, len(body), 100_000))
        whole = client.post("/uploads", content=parts, headers={"Content-Type": "image/png"})
        assert (whole.status_code, whole.json()["sha256"]) == (201, wanted)


def test_the_answer_to_an_upload_that_is_too_large_comes_through(world: World) -> None:
    with world.client() as client:
        for content in (b"\x89PNG" + bytes(MOST), iter([b"\x89PNG", *[bytes(MB)] * 8])):
            answer = client.post("/uploads", content=content, headers={"Content-Type": "image/png"})
            assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
            assert "--max-upload" in answer.json()["detail"]


def test_parts_of_the_geotiff_are_read_by_range(world: World) -> None:
    whole = (world.site.folder.map(MAP_ID) / "classes.tif").read_bytes()
    with world.client() as client:
        path = f"/maps/{MAP_ID}/classes.tif"
        part = client.get(path, headers={"Range": "bytes=10-99"})
        assert (part.status_code, part.content) == (206, whole[10:100])
        assert part.headers["content-range"] == f"bytes 10-99/{len(whole)}"
        same = client.get(path, headers={"Range": "bytes=-50", "If-Range": part.headers["etag"]})
        assert (same.status_code, same.content) == (206, whole[-50:])
        other = client.get(path, headers={"Range": "bytes=-50", "If-Range": '"another"'})
        assert (other.status_code, other.content) == (200, whole)
        assert client.get(path, headers={"If-None-Match": part.headers["etag"]}).status_code == 304
        assert client.head(path).headers["content-length"] == str(len(whole))


def test_addresses_for_other_programs_are_those_of_the_proxy(world: World) -> None:
    base = f"{world.address}/maps/{MAP_ID}"
    with world.client() as client:
        about = client.get(f"/maps/{MAP_ID}/tilejson.json").json()
        assert about["tiles"] == [f"{base}/tiles/{{z}}/{{x}}/{{y}}.png"]
        addresses = re.findall(r'(?:href|template)="(http[^"]*127[^"]*)"', client.get(f"/maps/{MAP_ID}/wmts.xml").text)
        assert addresses
        assert all(address.startswith(base) for address in addresses), addresses
        item = client.get(f"/jobs/{MAP_ID}/results").json()
        assert client.get(world.origin + item["assets"]["classes"]["href"]).status_code == 200
        assert json.loads(client.get("/openapi.json").text)["servers"] == [{"url": world.prefix or "/"}]


def test_another_machine_computes_through_it(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not world.prefix:
        pytest.skip("done below a prefix, which is harder")
    monkeypatch.setenv("SSL_CERT_FILE", str(world.cert))
    with world.client() as anna, machine(world.address, tmp_path / "machine"):
        done = ended(world.site, submitted(anna))
        assert done.status is Status.SUCCESSFUL, done.message
        assert done.worker is not None
        assert done.worker.startswith("remote:gpu:")


def test_wrong_tokens_are_counted_by_the_address_that_the_proxy_sees(world: World) -> None:
    """The last test, as the proxy's own address waits after it. A client that makes addresses up gains nothing."""
    statuses = []
    with world.client("wrong") as client:
        for number in range(12):
            made_up = {"X-Forwarded-For": f"10.0.0.{number}"}
            statuses.append(client.get("/jobs", headers=made_up).status_code)
    assert statuses == [401] * 10 + [429] * 2
