"""Heartbeats: what they say, and what they learn."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from terrazzo.errors import InputError
from terrazzo.serving.remote.connection import AwayError, LostError, RefusedError, Server
from terrazzo.serving.remote.heart import Heart
from terrazzo.serving.remote.order import Content, Order

CONTENT = Content(1, "0" * 64, ".tif")
ORDER = Order("1" * 32, "tiny", "2" * 32, "field.tif", CONTENT, "tiny", CONTENT, 30.0, 60.0)


class Recorder:
    """A server that notes what it is asked, and raises what it is given."""

    def __init__(self, *errors: Exception | None) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.errors = list(errors)

    def call(self, path: str, given: Mapping[str, Any]) -> None:
        self.asked.append((path, given))
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error


def test_an_order_is_the_same_after_its_way_over_http() -> None:
    found = ORDER.to_dict()
    assert (found["jobID"], found["processID"], found["image"]["size"]) == ("1" * 32, "tiny", 1)
    assert Order.from_dict(found) == ORDER


@pytest.mark.parametrize(
    "change",
    [
        {"jobID": "../../etc"},
        {"upload": "x"},
        {"of_map": "/etc"},
        {"lease_seconds": 0},
        {"model": {"size": 1, "sha256": "../x", "suffix": ".onnx"}},
        {"model": {"size": 1, "sha256": "0" * 64, "suffix": "/../x"}},
    ],
)
def test_what_would_become_a_path_is_an_id_or_a_hash(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Order.from_dict(ORDER.to_dict() | change)


def test_a_heartbeat_says_what_the_worker_said_last() -> None:
    server = Recorder()
    heart = Heart(cast(Server, server), ORDER)
    heart.beat()
    heart.tell({"job": "x", "progress": 40, "pieces": 3, "message": "predicting", "seconds_left": None})
    heart.beat()
    path = f"/work/{ORDER.job}/heartbeat"
    assert server.asked == [(path, {}), (path, {"progress": 40, "pieces": 3, "message": "predicting"})]


def test_a_server_that_is_away_ends_no_job() -> None:
    heart = Heart(cast(Server, Recorder(AwayError(), None)), ORDER)
    heart.beat()
    heart.check()


@pytest.mark.parametrize("error", [LostError("gone"), RefusedError("--server x", 401, "no"), InputError("redirect")])
def test_a_job_that_is_lost_or_refused_ends(error: Exception) -> None:
    heart = Heart(cast(Server, Recorder(error)), ORDER)
    heart.beat()
    with pytest.raises(type(error)):
        heart.check()
