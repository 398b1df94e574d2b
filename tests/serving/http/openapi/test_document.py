"""The description of the API: every route is in it, and in the reference; it names what the guards answer."""

import re
from pathlib import Path

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from terrazzo.serving.http.app import opened, routes
from terrazzo.serving.http.openapi.document import document
from terrazzo.serving.http.site import Site
from tests.worlds.site import TOKENS, client_of, make_site

REFERENCE = Path(__file__).parents[4] / "docs" / "reference" / "api.md"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("site"), TOKENS, root_path="/maps")


@pytest.fixture(scope="module")
def client(site: Site) -> TestClient:
    return client_of(site, "token-of-anna")


def pairs(found: dict[str, dict[str, object]]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, methods in found.items() for method in methods}


def served() -> set[tuple[str, str]]:
    """Every method and path of the routes; HEAD only where it has no GET's answer of its own."""
    found = set()
    for route in routes():
        if isinstance(route, Route):
            path = re.sub(r":\w+}", "}", route.path)
            found |= {(method, path) for method in route.methods or ()}
    return {pair for pair in found if pair[0] != "HEAD"}


def test_it_has_every_route_and_no_other(site: Site) -> None:
    described = pairs(document(site)["paths"])
    assert {pair for pair in described if pair[0] != "HEAD"} - {("GET", "/page/{file}")} == served()
    assert ("HEAD", "/uploads/{upload_id}") in described


def test_open_routes_are_those_that_need_no_token(site: Site) -> None:
    described = document(site)["paths"]
    found = {
        path for path, methods in described.items() if all(each.get("security") == [] for each in methods.values())
    }
    paths = {route.path for route in opened() if isinstance(route, Route)}
    assert found == paths | {"/page/{file}"}


def test_every_operation_says_who_is_refused(site: Site) -> None:
    for methods in document(site)["paths"].values():
        for each in methods.values():
            assert {"400", "403"} <= {*each["responses"]}
            assert ("401" in each["responses"]) or each["security"] == []


def test_every_name_of_a_schema_is_there(site: Site) -> None:
    found = document(site)
    named = set(re.findall(r"#/components/schemas/(\w+)", str(found)))
    assert named == {*found["components"]["schemas"]}


def test_it_is_served_as_json_and_as_a_page_without_scripts(client: TestClient, site: Site) -> None:
    assert client.get("/openapi.json").json() == document(site)
    assert document(site)["servers"] == [{"url": "/maps"}]
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert not re.search(r"""(?:src|href)=["']?https?:""", page.text)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    for _, path in pairs(document(site)["paths"]):
        assert path in page.text


def test_without_tokens_no_security_is_asked_for(tmp_path: Path) -> None:
    found = document(make_site(tmp_path))
    assert (found["security"], found["servers"]) == ([], [{"url": "/"}])


def test_the_reference_lists_every_route(site: Site) -> None:
    """A row is `METHOD path`, in backquotes."""
    listed = set(re.findall(r"^\| `([A-Z]+) (\S+)` \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == pairs(document(site)["paths"])
