"""The scores of parts of a split by name: of each group, and of each data set that was prepared with others."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.evaluation.metrics import EPOCH_METRICS, Pooled, Scores
from terrazzo.evaluation.request import Inputs


def by_group(inputs: Inputs, counts: NDArray[np.int64]) -> dict[str, Any]:
    """Scores by group name, from the counts (N, 3, K) of each patch; empty if every image is its own group."""
    patches = inputs.patches
    if patches.image_groups == patches.image_names:
        return {}
    return _by_name(np.array(patches.image_groups)[inputs.image_of], inputs, counts)


def by_source(inputs: Inputs, counts: NDArray[np.int64]) -> dict[str, Any]:
    """The entry `sources`: scores by source, where the patches have several; nothing where they have one."""
    names = inputs.patches.source_names
    if len(names) < 2:
        return {}
    of = np.array(names)[inputs.patches.image_sources[inputs.image_of]]
    return {"sources": _by_name(of, inputs, counts)}


def _by_name(owner: NDArray[np.str_], inputs: Inputs, counts: NDArray[np.int64]) -> dict[str, Any]:
    """Scores by the owner's name (N,) of each scored patch; None where an owner has no valid pixel."""
    of_groups = [metric for metric in EPOCH_METRICS if metric.source == "counts"]
    table = {}
    for group in dict.fromkeys(owner.tolist()):
        where = owner == group
        pooled, names = Pooled(counts[where].sum(axis=0)), inputs.patches.schema.names
        scores = Scores.of(pooled, names, "counts") if pooled.pixels else None
        table[group] = {
            **{metric.name: scores[metric.name] if scores else None for metric in of_groups},
            "pixels": pooled.pixels,
            "patches": int(where.sum()),
            "images": len(np.unique(inputs.image_of[where])),
            "iou": dict(zip(names, scores.by_class["iou"] if scores else (None,) * len(names), strict=True)),
        }
    return table
