"""Models improved by `terrazzo work`: the bytes of the server's own worker, and no loss where a machine is killed."""

import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from terrazzo.serving.http.site import Site
from terrazzo.serving.jobs.job import Job, Status
from terrazzo.serving.remote.order import sha256_of
from terrazzo.system.files import file_digest, read_json
from tests.worlds.joining import THREADS, ended, machine, running, submitted, until
from tests.worlds.short_training import short_training

SIZE, LEASE = (100, 130), 8.0
FIVE = ((2, 2, "Red"), (40, 2, "Green"), (80, 2, "Blue"), (2, 40, "Red"), (40, 40, "Blue"))
"""Left column, top row and class of squares of 12 pixels."""
UNTOLD = {"job": "", "created": ""}


def corrections(site: Site, map_id: str, squares: Any = FIVE) -> dict[str, Any]:
    """Squares as GeoJSON in degrees."""
    import pyproj
    import rasterio
    import shapely

    with rasterio.open(site.folder.map(map_id) / "classes.tif") as grid:
        to_degrees = pyproj.Transformer.from_crs(grid.crs.to_wkt(), "OGC:CRS84", always_xy=True).transform
        features = []
        for left, top, name in squares:
            corners = shapely.box(left, top, left + 12, top + 12).exterior.coords
            shape = shapely.Polygon([to_degrees(*(grid.transform @ point)) for point in corners])
            geometry = shapely.geometry.mapping(shape)
            features.append({"type": "Feature", "geometry": geometry, "properties": {"class": name}})
    return {"type": "FeatureCollection", "features": features}


def keep(site: Site, anna: httpx.Client, map_id: str, squares: Any = FIVE) -> None:
    assert anna.put(f"/maps/{map_id}/corrections", json=corrections(site, map_id, squares)).status_code in (200, 204)


def improved(anna: httpx.Client, map_id: str) -> str:
    answer = anna.post("/processes/improve/execution", json={"map": map_id})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["jobID"])


def files(site: Site, job: Job) -> tuple[str, str, dict[str, Any]]:
    """Digests of the model and the map of an improvement, and its lineage but for job and time."""
    version = site.folder.models / job.result["model"]
    lineage = read_json(version / "lineage.json")
    assert lineage["job"] == job.id
    return (
        file_digest(version / "model.safetensors"),
        file_digest(site.folder.map(job.id) / "classes.tif"),
        lineage | UNTOLD,
    )


def test_another_machine_improves_to_the_bytes_of_the_servers_own_and_killed_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", short_training(tmp_path / "short", 100))
    for name, value in THREADS.items():  # the server's own worker is like the other machine
        monkeypatch.setenv(name, value)
    with running(tmp_path / "server", workers=1) as (_, site, anna):
        map_id = ended(site, submitted(anna, SIZE)).id
        keep(site, anna, map_id)
        own = ended(site, improved(anna, map_id))
        assert own.status is Status.SUCCESSFUL, own.message
    with running(tmp_path / "server", workers=0, lease_seconds=LEASE) as (address, site, anna):
        offer = anna.get("/processes").json()["improve"]
        refused = anna.post("/processes/improve/execution", json={"map": map_id})
        assert (offer["available"], refused.status_code, refused.json()["detail"]) == (False, 422, offer["reason"])
        with machine(address, tmp_path / "gpu") as process:
            until(lambda: anna.get("/processes").json()["improve"]["available"])
            job_id = improved(anna, map_id)
            until(lambda: list((tmp_path / "gpu" / "data" / "jobs").glob("*/training/metrics.csv")))
            process.send_signal(signal.SIGKILL)
        assert not list((tmp_path / "gpu" / "data" / "jobs").glob("*/training/model.safetensors"))
        keep(site, anna, map_id, FIVE[:1])  # what comes later changes nothing
        with machine(address, tmp_path / "gpu"):
            job = ended(site, job_id)
            assert job.status is Status.SUCCESSFUL, job.message
            base = sha256_of(site.settings.models / "tiny.safetensors")
            left = {"worker.lock", "worker.log", f"{base}.safetensors"}
            data = tmp_path / "gpu" / "data"
            until(lambda: {path.name for path in data.rglob("*") if path.is_file()} == left)
    assert (own.result["model"], job.result["model"]) == ("tiny-v2", "tiny-v3")
    assert job.result | {"model": ""} == own.result | {"model": ""}
    assert files(site, job) == files(site, own)
    one, two = (read_json(site.folder.map(each.id) / "map.json") for each in (own, job))
    assert two == one | {"job": job.id, "model": "tiny-v3"}
    record = site.folder.map(job.id) / "run.json"
    assert read_json(record)["model"]["path"] == "tiny-v3"
    assert str(tmp_path) not in record.read_text()
    entry = site.models.get("tiny-v3")
    assert entry is not None
    assert entry.parent == "tiny"
    assert not site.folder.job(job_id).exists()
    assert not list(site.folder.map(job_id).glob("*.safetensors"))
