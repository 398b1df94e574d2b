"""Host, Origin and the headers of every answer."""

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from terrazzo.serving.http.access.guards import OwnHost, OwnOrigin, SafeHeaders, content_policy, host_name, same_origin

WRITES = ("POST", "PUT", "PATCH", "DELETE")


async def echo(request: object) -> PlainTextResponse:
    return PlainTextResponse("reached")


async def own_policy(request: object) -> PlainTextResponse:
    return PlainTextResponse("", headers={"Content-Security-Policy": "default-src 'none'", "Cache-Control": "private"})


@pytest.fixture
def client() -> TestClient:
    app = Starlette(
        routes=[Route("/", echo, methods=["GET", *WRITES]), Route("/own", own_policy)],
        middleware=[
            Middleware(SafeHeaders, basemap="https://{a-c}.tiles.example.org/{z}/{x}/{y}.png"),
            Middleware(OwnHost, allowed=["Maps.example.org", "[fe80::1]"]),
            Middleware(OwnOrigin),
        ],
    )
    return TestClient(app, base_url="http://localhost:8000")


OWN_HOSTS = "localhost localhost:8000 LocalHost:1 127.0.0.1 127.0.0.1:65535 [::1] [::1]:8000 maps.example.org "
OWN_HOSTS += "MAPS.EXAMPLE.ORG:443 [fe80::1]:80"
FOREIGN_HOSTS = "evil.example evil.example:8000 localhost.evil.example evil.localhost 127.0.0.1.evil.example 127.0.0.2 "
FOREIGN_HOSTS += "0.0.0.0 user@localhost localhost:port localhost:80:80 maps.example.org.evil maps.example.org. ::1"


@pytest.mark.parametrize("host", OWN_HOSTS.split())
def test_a_host_of_ours_is_served(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).text == "reached"


@pytest.mark.parametrize("host", [*FOREIGN_HOSTS.split(), ""])
def test_a_foreign_host_is_a_problem_400(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Foreign Host"
    assert answer.json()["detail"].startswith(f"Host {host}: is not this server")


def test_two_hosts_or_none_are_refused() -> None:
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message)

    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError("reached")

    for hosts in ([], [(b"host", b"localhost"), (b"host", b"localhost")]):
        scope = {"type": "http", "method": "GET", "path": "/", "headers": hosts}
        anyio.run(OwnHost(app), scope, receive, send)
    assert [message["status"] for message in sent if "status" in message] == [400, 400]


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:9000"},
        {"Origin": "http://localhost"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "file://localhost:8000"},
        {"Origin": "http://localhost:8000.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "CROSS-SITE"},
        {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_a_write_from_another_origin_is_a_problem_403(client: TestClient, method: str, headers: dict[str, str]) -> None:
    answer = client.request(method, "/", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["title"] == "Foreign origin"
    assert "another site may not change anything here" in answer.json()["detail"]


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:8000"},
        {"Origin": "HTTP://LOCALHOST:8000", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "maps.example.org", "Origin": "https://maps.example.org"},
        {"Host": "maps.example.org:443", "Origin": "https://maps.example.org"},
    ],
    ids=str,
)
def test_a_write_of_a_program_or_of_our_own_page_passes(
    client: TestClient, method: str, headers: dict[str, str]
) -> None:
    assert client.request(method, "/", headers=headers).text == "reached"


def test_reads_pass_whatever_their_origin(client: TestClient) -> None:
    assert client.get("/", headers={"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}).text == "reached"


def test_no_answer_lets_another_origin_read_it(client: TestClient) -> None:
    answer = client.get("/", headers={"Origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_every_answer_has_the_safe_headers_refusals_too(client: TestClient) -> None:
    for answer in (client.get("/"), client.get("/", headers={"Host": "evil"}), client.get("/nowhere")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["img-src"] == "'self' data: blob: https://*.tiles.example.org"


def test_an_answer_may_set_its_own(client: TestClient) -> None:
    answer = client.get("/own")
    assert answer.headers["content-security-policy"] == "default-src 'none'"
    assert answer.headers["cache-control"] == "private"


def test_without_a_basemap_no_other_origin_is_in_the_policy() -> None:
    assert "http" not in content_policy()
    assert "unsafe" not in content_policy()


def test_names_in_host_headers() -> None:
    assert host_name("Maps.Example.org:443") == "maps.example.org"
    assert host_name("[::1]:80") == "[::1]"
    assert host_name("[::1]") == "[::1]"
    assert host_name("localhost:") == ""


def test_an_origin_is_the_hosts_with_or_without_the_port_of_its_scheme() -> None:
    assert same_origin("http://a:80", "a")
    assert same_origin("https://a", "a:443")
    assert not same_origin("https://a", "a:80")
    assert not same_origin("https://a:444", "a")
