"""Maps by workers: what computes their pieces changes no byte, and clients see no address of ours."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.tasks.reporting import Report
from terrazzo.serving.jobs.worker import outcome
from terrazzo.system.files import read_json, same_content
from tests.worlds.jobs import settings_in
from tests.worlds.rasters import noise, write_raster

pytest.importorskip("distributed")


@pytest.fixture
def scheduler() -> Iterator[str]:
    """A cluster of two workers on this machine."""
    from terrazzo.maps.engines import cluster, connection
    from terrazzo.maps.engines.options import EngineOptions

    with cluster.quiet_dask(), connection.connected(EngineOptions("dask", 2)) as (client, _):
        yield str(client.scheduler.address)


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    settings = settings_in(tmp_path)
    image = write_raster(tmp_path / "body.tif", noise(3, 90, 130))
    return Assignment(
        job="0" * 32,
        process="tiny",
        folder=settings.data.job("0" * 32),
        target=settings.data.map("0" * 32),
        image=image,
        name="field.tif",
        upload="1" * 32,
        model=settings.models,
        model_id="tiny",
    )


def said(assignment: Assignment) -> dict[str, Any]:
    return outcome(assignment, Report(lambda message: None, assignment.job))


def test_a_cluster_computes_the_bytes_of_the_worker_itself(assignment: Assignment, scheduler: str) -> None:
    other = "2" * 32
    elsewhere = replace(
        assignment,
        job=other,
        folder=assignment.folder.with_name(other),
        target=assignment.target.with_name(other),
        engine="dask",
        scheduler=scheduler,
    )
    assert (said(assignment), said(elsewhere)) == ({"done": {}}, {"done": {}})
    for name in ("classes.tif", "confidence.tif", "classes.gpkg", "areas.csv"):
        assert same_content(assignment.target / name, elsewhere.target / name), name
    record = read_json(elsewhere.target / "run.json")
    assert (record["computed_by"]["engine"], record["computed_by"]["scheduler"]) == ("dask", "a cluster")


def test_a_cluster_that_does_not_answer_fails_the_job_without_its_address(
    assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from terrazzo.maps.engines import connection

    monkeypatch.setattr(connection, "_CONNECT_SECONDS", 1)
    failed = said(replace(assignment, engine="dask", scheduler="tcp://127.0.0.1:9"))
    assert failed["failed"].startswith("--scheduler a cluster: no Dask scheduler answers there")
    assert "127.0.0.1" not in failed["failed"]
    assert not assignment.target.exists()
