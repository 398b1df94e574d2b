"""What monitors ask: health, readiness, conformance."""

from pathlib import Path

import pytest

from tests.worlds.site import client_of, make_site


def test_a_server_with_a_model_lives_and_is_ready(tmp_path: Path) -> None:
    client = client_of(make_site(tmp_path))
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}


def test_without_a_model_it_lives_but_is_not_ready(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    (site.settings.models / "tiny.safetensors").unlink()
    client = client_of(site)
    assert client.get("/health").status_code == 200
    answer = client.get("/ready")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert answer.json()["detail"] == "there is no model; put one into the folder of models"


def test_without_a_data_folder_it_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site(tmp_path)
    monkeypatch.setattr("os.access", lambda path, mode: False)  # permissions do not bind the superuser
    assert client_of(site).get("/ready").json()["detail"].startswith("the data folder cannot be written to")


def test_a_table_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site(tmp_path)

    def fails(self: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(type(site.jobs), "counts", fails)
    assert client_of(site).get("/ready").json()["detail"].startswith("the table of jobs cannot be read")


def test_the_classes_of_ogc_that_hold(tmp_path: Path) -> None:
    found = client_of(make_site(tmp_path)).get("/conformance").json()["conformsTo"]
    base = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
    assert {name.removeprefix(base) for name in found} >= {"core", "json", "job-list", "dismiss"}
