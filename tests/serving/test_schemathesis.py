"""Requests that schemathesis makes from the API's own description: no answer of 5xx, and none that is not described.

Skipped where schemathesis is not installed. Half of the ids are those of a map and an upload that are there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans

from terrazzo.serving.http.app import build_app
from terrazzo.serving.http.openapi.document import TAGS
from terrazzo.serving.http.site import Site
from tests.worlds.finished import MAP_ID, stripes, write_finished
from tests.worlds.site import TOKENS, client_of, make_site, upload

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

SMALL, LARGE = 6, 200
"""Examples of each operation."""
QUIET = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.explicit, Phase.generate],
    "database": None,
}


def a_site(root: Any, tokens: str | None = None) -> Site:
    """A server with a finished map, corrections and an upload; its queue is short, and nobody works on it."""
    site = make_site(root, tokens, max_queue=20, max_upload=100_000, allow_hosts=("testserver",))
    write_finished(site.folder, stripes(70, 60, nodata_cols=4))
    site.jobs.submit("tiny", {"image": "0" * 32}, "anna", MAP_ID)
    site.jobs.claim("here")
    site.jobs.finish(MAP_ID, "here", {})
    return site


@dataclass(frozen=True)
class Api:
    """The description of a server."""

    schema: Any
    there: dict[str, str]
    """Ids that are there."""
    leased: str
    """The job of a worker on another machine; empty where there is none."""

    def ids(self, path: str) -> dict[str, str]:
        """Those of the routes for workers, or of the others."""
        return {"job_id": self.leased} if path.startswith("/work/") and self.leased else self.there

    def headers(self, path: str) -> dict[str, str]:
        """A token of the role that the address takes."""
        name = "gpu" if path.startswith("/work/") else "anna"
        return {"Authorization": f"Bearer token-of-{name}"} if self.leased else {}


ENDING = ("/finish", "/fail", "/release")
OPERATIONS = sorted(
    ((path, method) for paths in TAGS.values() for path, methods in paths.items() for method in methods),
    key=lambda pair: pair[1] == "delete" or pair[0].endswith(ENDING),
)
"""What removes or ends something comes last."""
EXECUTION = "/processes/{process}/execution"

CONTENT = {
    ("/uploads", "post"),
    (EXECUTION, "post"),
    ("/maps/{job_id}/corrections", "put"),
    ("/work/{job_id}/finish", "post"),
    ("/maps/{job_id}/{name}", "get"),
}
"""Where a request of the right form may still be refused: for what its body holds, or its range lies beyond the end."""


@pytest.fixture(scope="module", params=[None, TOKENS], ids=["open", "tokens"])
def api(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("terrazzo.serving.http.execution.LONGEST_WAIT", 0.05)
        patch.setattr("terrazzo.serving.http.access.tokens.FAILURES", 10**6)  # requests without a token are made, too
        root = tmp_path_factory.mktemp("api")
        site = a_site(root, request.param)
        client = client_of(site, None if request.param is None else "token-of-anna")
        sent = upload(client, root / "files").rpartition("/")[2]
        leased = ""
        if request.param is not None:
            leased = client.post("/processes/tiny/execution", json={"image": sent}).json()["jobID"]
            assert client_of(site, "token-of-gpu").post("/work/claim").status_code == 200
        schema = schemathesis.openapi.from_asgi("/openapi.json", build_app(site), headers=dict(client.headers))
        yield Api(schema, {"job_id": MAP_ID, "upload_id": sent, "process": "tiny"}, leased)


def check(api: Api, path: str, method: str, examples: int) -> None:
    """Call an operation as it is described, and as it is not."""
    operation = api.schema[path][method]
    right, wrong = (operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)
    found, headers = schemathesis.checks, api.headers(path)
    left_out = [found.positive_data_acceptance] if (path, method) in CONTENT else []

    @settings(max_examples=examples, derandomize=examples == SMALL, **QUIET)
    @given(case=right | wrong, known=booleans())
    def run(case: Any, known: bool) -> None:
        if known:
            ids = api.ids(path)
            case.path_parameters |= {name: ids[name] for name in case.path_parameters if name in ids}
            case.body = {"image": api.there["upload_id"]} if path == EXECUTION else case.body
        mended = [found.negative_data_rejection] if known or headers else []
        answer = case.call(headers=headers)
        partial = [found.response_schema_conformance] if answer.status_code == 206 else []
        case.validate_response(answer, headers=headers, excluded_checks=left_out + mended + partial)

    run()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_document_describes(api: Api, path: str, method: str) -> None:
    check(api, path, method, SMALL)


@pytest.mark.soak
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_so_are_those_to_many_requests(api: Api, path: str, method: str) -> None:
    check(api, path, method, LARGE)
