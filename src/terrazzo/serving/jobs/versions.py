"""Improved models as versions: `dubai-v2`, `dubai-v3`, ..., each with its lineage, published by one rename."""

import re
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from terrazzo.serving.jobs.tasks.kept_aside import EVERY
from terrazzo.system.files import read_json

MODEL, LINEAGE = "model.safetensors", "lineage.json"
FIRST = 2
"""The number of the first improved version; the model that was given is the first of all."""
LONGEST = 80
"""Characters of a model's id."""


def version_name(model_id: str, number: int) -> str:
    """The id of a version: 3 of `dubai`, and of `dubai-v2`, is `dubai-v3`."""
    ending = f"-v{number}"
    return re.sub(r"-v\d+$", "", model_id)[: LONGEST - len(ending)] + ending


def next_version(model_id: str, model_of: Callable[[str], Path | None]) -> int:
    """The least number whose version no model has, from FIRST on."""
    return next(number for number in count(FIRST) if model_of(version_name(model_id, number)) is None)


def publish_version(draft: Path, models: Path, model_id: str, least: int = FIRST) -> str:
    """Move a finished folder to `models` by one rename; the id of the version that it became.

    Law: a version that exists is never replaced. The number is the least from `least` on that is free.
    """
    models.mkdir(parents=True, exist_ok=True)
    for number in count(least):
        name = version_name(model_id, number)
        if (models / name).exists():
            continue
        try:
            draft.rename(models / name)
        except OSError:
            if not (models / name).exists():
                raise
        else:
            return name
    raise AssertionError("numbers have no end")


def version_of(job: str, models: Path) -> str | None:
    """The id of the version that a job has published; None if there is none."""
    found = (path.parent.name for path in models.glob(f"*/{LINEAGE}") if read_json(path).get("job") == job)
    return next(found, None)


def result_of(models: Path, version: str, of_map: str | None) -> dict[str, Any]:
    """What a job returns that improved the model of the map `of_map`: the version, its scores or why it has none."""
    lineage = read_json(models / version / LINEAGE)
    scores = lineage.get("scores", {"before": None, "after": None})
    result = {"model": version, "before": of_map, "scores": scores}
    return result | ({} if scores["after"] else {"message": _without_scores(lineage.get("polygons", {}))})


def _without_scores(polygons: Mapping[str, int]) -> str:
    """Why there are no scores."""
    total = polygons.get("trained", 0) + polygons.get("kept_aside", 0)
    if total < EVERY:
        return f"there are no scores, as fewer than {EVERY} polygons were drawn; of {EVERY}, one is kept aside for them"
    if not polygons.get("kept_aside"):
        return "there are no scores, as every polygon was the only one of its class, and none could be kept aside"
    return "there are no scores, as the polygons kept aside cover no pixel that was not trained on"
