"""Who may do what over HTTP: roles, wrong tokens, cookies and their flags."""

import base64
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from terrazzo.serving.http.site import Site
from tests.worlds.site import TOKENS, client_of, make_site

COOKIE = "terrazzo_session"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path, TOKENS)


@pytest.fixture
def client(site: Site) -> TestClient:
    return client_of(site)


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{name}"}


def cookie_of(client: TestClient, name: str = "anna", **headers: str) -> dict[str, str]:
    """The attributes of the cookie of a login, by name in lower case."""
    answer = client.post("/session", json={"token": f"token-of-{name}"}, headers=headers)
    assert answer.status_code == 200, answer.text
    parts = [part.strip().partition("=") for part in answer.headers["set-cookie"].split(";")]
    return {name.lower(): value for name, _, value in parts}


@pytest.mark.parametrize("path", ["/", "/page/style.css", "/health", "/ready"])
def test_the_page_and_what_monitors_ask_need_no_token(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/processes", "/jobs", "/uploads/x", "/maps/x/point", "/conformance", "/openapi.json", "/docs", "/x"]
)
def test_everything_else_is_401_without_one(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="terrazzo", Basic realm="terrazzo", charset="UTF-8"'
    assert answer.json()["detail"] == "a token is needed: as `Authorization: Bearer TOKEN`, or log in on the page"


def test_scripts_of_a_page_are_not_offered_basic(client: TestClient) -> None:
    answer = client.get("/jobs", headers={"Sec-Fetch-Mode": "cors"})
    assert answer.headers["www-authenticate"] == 'Bearer realm="terrazzo"'


def test_a_token_comes_as_bearer_or_as_the_password_of_basic(client: TestClient) -> None:
    basic = base64.b64encode(b"anyone:token-of-anna").decode()
    for header in ("Bearer token-of-anna", f"Basic {basic}"):
        assert client.get("/jobs", headers={"Authorization": header}).status_code == 200


@pytest.mark.parametrize("where", ["/jobs?token=token-of-anna", "/jobs?access_token=token-of-anna"])
def test_a_token_in_an_address_is_none(client: TestClient, where: str) -> None:
    assert client.get(where).status_code == 401


@pytest.mark.parametrize(("name", "own", "work"), [("anna", 200, 403), ("root", 200, 403), ("gpu", 403, None)])
def test_workers_have_the_routes_below_work_and_nobody_else(
    client: TestClient, name: str, own: int, work: int | None
) -> None:
    """None: what a worker gets below /work/ is no refusal of its role."""
    assert client.get("/jobs", headers=bearer(name)).status_code == own
    status = client.post("/work/claim", headers=bearer(name)).status_code
    assert status == work if work is not None else status != 403


def test_without_a_token_file_there_is_no_worker(tmp_path: Path) -> None:
    client = client_of(make_site(tmp_path))
    assert client.get("/jobs").status_code == 200
    assert client.post("/work/claim").status_code == 403
    answer = client.post("/session", json={"token": "x"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "this server asks for no token; leave the login out")


def test_ten_wrong_tokens_from_an_address_are_429_whatever_comes_next(client: TestClient) -> None:
    wrong = [client.get("/jobs", headers={"Authorization": "Bearer wrong"}).status_code for _ in range(5)]
    wrong += [client.post("/session", json={"token": "wrong"}).status_code for _ in range(5)]
    assert wrong == [401] * 10
    for answer in (
        client.get("/jobs", headers=bearer("anna")),
        client.post("/session", json={"token": "token-of-anna"}),
    ):
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert answer.json()["detail"].startswith("too many wrong tokens from your address; try again in ")
    assert client.get("/health").status_code == 200


def test_no_token_and_an_ended_session_are_not_counted(client: TestClient) -> None:
    for _ in range(15):
        assert client.get("/jobs").status_code == 401
        assert client.get("/jobs", headers={"Cookie": f"{COOKIE}=ended"}).status_code == 401
    assert client.get("/jobs", headers=bearer("anna")).status_code == 200


def test_the_address_that_a_proxy_here_states_is_counted_and_no_other(tmp_path: Path) -> None:
    """Of X-Forwarded-For the last address is the one that the proxy wrote; who asks directly cannot choose one."""
    wrong = {"Authorization": "Bearer wrong"}

    def statuses(client: TestClient, *forwarded: str) -> list[int]:
        return [client.get("/jobs", headers={**wrong, "X-Forwarded-For": each}).status_code for each in forwarded]

    behind = make_site(tmp_path / "proxied", TOKENS, allow_hosts=("maps.example.org",))
    proxied = TestClient(client_of(behind).app, base_url="http://localhost:8000", client=("127.0.0.1", 5))
    assert statuses(proxied, *["9.9.9.9, 10.0.0.7"] * 11) == [401] * 10 + [429]
    assert statuses(proxied, "10.0.0.8") == [401]
    open_to_all = TestClient(client_of(behind).app, base_url="http://localhost:8000", client=("10.0.0.9", 5))
    assert statuses(open_to_all, *(f"10.0.1.{number}" for number in range(11))) == [401] * 10 + [429]


def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(client: TestClient) -> None:
    cookie = cookie_of(client)
    assert len(cookie[COOKIE]) == 43
    assert (cookie["samesite"], cookie["path"], cookie["max-age"]) == ("strict", "/", str(12 * 3600))
    assert "httponly" in cookie
    assert "secure" not in cookie  # at http://localhost the browser would not send it back
    assert client.get("/jobs", headers={"Cookie": f"{COOKIE}={cookie[COOKIE]}"}).status_code == 200


def test_the_cookie_is_secure_behind_https(site: Site, client: TestClient) -> None:
    assert "secure" in cookie_of(client, **{"X-Forwarded-Proto": "https"})
    assert "secure" in cookie_of(TestClient(client.app, base_url="https://localhost:8000"))


def test_the_cookie_is_for_the_root_path_alone(tmp_path: Path) -> None:
    client = client_of(make_site(tmp_path, TOKENS, root_path="/maps"))
    assert cookie_of(client)["path"] == "/maps/"


def test_a_logout_ends_the_session(client: TestClient) -> None:
    headers = {"Cookie": f"{COOKIE}={cookie_of(client)[COOKIE]}"}
    client.cookies.clear()
    gone = client.delete("/session", headers=headers)
    assert gone.status_code == 204
    assert 'terrazzo_session=""' in gone.headers["set-cookie"]
    assert client.get("/jobs", headers=headers).status_code == 401


def test_a_worker_does_not_log_in_on_the_page(client: TestClient) -> None:
    answer = client.post("/session", json={"token": "token-of-gpu"})
    assert (answer.status_code, "log in with one of the role user or admin" in answer.json()["detail"]) == (403, True)


@pytest.mark.parametrize("given", [{}, {"token": 1}, {"token": "token-of-anna", "more": 1}])
def test_a_login_of_another_form_is_422(client: TestClient, given: dict[str, object]) -> None:
    assert client.post("/session", json=given).status_code == 422


def test_a_login_from_another_site_is_403(client: TestClient) -> None:
    answer = client.post("/session", json={"token": "token-of-anna"}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
