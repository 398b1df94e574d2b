"""How right a map is on the corrections that were kept aside."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.evaluation.metrics import Pooled, Scores
from terrazzo.scenes.burnt_polygons import BurntPolygons
from terrazzo.scenes.class_map import open_map
from terrazzo.serving.jobs.tasks.drawn import Drawn


def score_map(path: Path, names: Sequence[str], aside: Drawn, trained: Drawn) -> dict[str, Any] | None:
    """Accuracy, mean IoU and the like of a map at the pixels of the polygons kept aside; None where there is none.

    `names` are the classes by id, of which the map may lack the last. Pixels in polygons that were trained on do not
    count, nor nodata.
    """
    if not len(aside):
        return None
    truth, seen = _burnt(aside, names), _burnt(trained, names)
    counts = np.zeros((3, IGNORE + 1), np.int64)
    for row, ids in open_map(path).strips():
        window = (row, 0, *ids.shape)
        if truth.any_in(*window):
            there = truth.ids(*window)
            valid = (there != IGNORE) & (ids != IGNORE) & (seen.ids(*window) == IGNORE)
            counts += _counted(there, ids, valid)
    if not counts.any():
        return None
    scores = Scores.of(Pooled(counts[:, : len(names)]), names, "counts")
    return {"pixels": scores.pixels, "polygons": len(aside), **scores.values}


def _burnt(drawn: Drawn, names: Sequence[str]) -> BurntPolygons:
    known = {name.casefold(): i for i, name in enumerate(names)} | {name: i for i, name in enumerate(names)}
    ids = [known.get(name, known.get(name.casefold(), IGNORE)) for name in drawn.classes]
    return BurntPolygons(drawn.polygons, np.array(ids, np.uint8))


def _counted(truth: NDArray[np.uint8], ids: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(3, 256) right, truth and predicted pixels of each class, where they are valid."""
    truth, ids = truth[valid], ids[valid]
    return np.stack([np.bincount(each, minlength=IGNORE + 1) for each in (truth[truth == ids], truth, ids)])
