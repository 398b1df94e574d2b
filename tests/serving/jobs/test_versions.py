"""Names of improved models, and their place by one rename."""

import json
from pathlib import Path

from terrazzo.serving.jobs.versions import LONGEST, next_version, publish_version, version_name, version_of


def draft(folder: Path, job: str) -> Path:
    path = folder / "jobs" / job
    path.mkdir(parents=True)
    (path / "lineage.json").write_text(json.dumps({"job": job}))
    return path


def test_a_version_of_a_version_has_the_next_number() -> None:
    assert version_name("dubai", 2) == "dubai-v2"
    assert version_name("dubai-v2", 3) == "dubai-v3"
    assert version_name("dubai-v2-north", 12) == "dubai-v2-north-v12"
    assert len(version_name("d" * LONGEST, 100)) == LONGEST


def test_the_next_version_is_one_that_no_model_has() -> None:
    there = {"dubai", "dubai-v2", "dubai-v4"}
    assert next_version("dubai", lambda name: Path(name) if name in there else None) == 3
    assert next_version("oslo", lambda name: None) == 2


def test_a_version_that_exists_is_never_replaced(tmp_path: Path) -> None:
    models = tmp_path / "models"
    names = [publish_version(draft(tmp_path, job), models, "dubai") for job in ("one", "two")]
    assert names == ["dubai-v2", "dubai-v3"]
    assert publish_version(draft(tmp_path, "three"), models, "dubai-v2", 7) == "dubai-v7"
    assert [version_of(job, models) for job in ("one", "two", "three", "four")] == [
        *("dubai-v2", "dubai-v3", "dubai-v7"),
        None,
    ]
