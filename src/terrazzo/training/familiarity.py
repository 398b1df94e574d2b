"""How far validation patches lie from the training patches, measured once at the end of training.

At most 256 patches of each split go through the encoder. Patches of 256 px and EfficientNet-Lite0 took 13 seconds
of one core (AMD EPYC).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from terrazzo.model.familiarity.distance import LEAST_PATCHES, Measure, fit
from terrazzo.model.familiarity.features import features
from terrazzo.model.familiarity.reference import LEAST_IN_PLACE, PLACES_KEPT, QUANTILE, Familiarity, limit
from terrazzo.model.network import NETWORK_ERRORS, Network
from terrazzo.model.predictor import CPU_BATCH_PIXELS
from terrazzo.patches.folder import Patches
from terrazzo.system.reporting import Reporter, first_line

MOST_PATCHES = 256
"""Patches of a split that are measured, spread evenly over it."""


@dataclass(frozen=True)
class Measured:
    """What a model file keeps: the measure, and what it gave for training and validation patches."""

    measure: Measure
    familiarity: Familiarity


def measured(network: Network, patches: Patches, reporter: Reporter, kept: Patches | None = None) -> Measured | None:
    """The feature distances of a trained network's patches, and of those that it kept.

    None if there are too few, none to validate, or the network has no levels. Without validation no distance of other
    images is known, and a few corrected boxes would call every other place unlike. The network computes where it lies,
    in inference mode. Law: the same network and patches give the same numbers.
    """
    sets = [patches] if kept is None else [patches, kept]
    train, val = ([(each, _spread(_rows(each, side))) for each in sets] for side in ("train", "val"))
    if sum(len(rows) for _, rows in train) < LEAST_PATCHES or not any(len(rows) for _, rows in val):
        return None
    network.eval()
    try:
        of_train, of_val = (_features(network, parts, reporter) for parts in (train, val))
    except NETWORK_ERRORS as error:  # memory too: a trained model is worth more than its measure
        reporter.say(f"the feature distance from the training data cannot be measured ({first_line(error):.160})")
        return None
    measure = fit(of_train)
    trained = float(np.quantile(measure.distances(of_train), QUANTILE))
    groups = np.concatenate([_groups(each)[rows] for each, rows in val])
    places = medians(measure.distances(of_val), groups)
    known = {group for each in sets for group in _groups(each)[_rows(each, "train")].tolist()}
    of_all_val = {group for each in sets for group in _groups(each)[_rows(each, "val")].tolist()}
    familiarity = Familiarity(
        levels=tuple(measure.levels),
        dimension=measure.dimension,
        n_patches=sum(len(rows) for _, rows in train),
        trained=trained,
        places=dict(list(places.items())[:PLACES_KEPT]),
        other_places=all(each.places_known for each in sets) and known.isdisjoint(of_all_val),
        threshold=limit(trained, places),
    )
    return Measured(measure, familiarity)


def _rows(patches: Patches, side: str) -> NDArray[np.int64]:
    """The patches of a side; there may be none."""
    return np.flatnonzero(patches.sides == side)


def _groups(patches: Patches) -> NDArray[np.str_]:
    """The group of each patch."""
    return np.array(patches.image_groups)[patches.image_of]


def medians(distances: NDArray[np.float32], groups: NDArray[np.str_]) -> dict[str, float]:
    """The median distance of each group, farthest first.

    Groups of fewer than `LEAST_IN_PLACE` patches are taken together, as `others`.
    """
    names, counts = np.unique(groups, return_counts=True)
    large = names[counts >= LEAST_IN_PLACE]
    found = {str(name): float(np.median(distances[groups == name])) for name in large}
    small = ~np.isin(groups, large)
    if small.any():
        found["others"] = float(np.median(distances[small]))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _spread(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most `MOST_PATCHES` of the rows, evenly from the first to the last."""
    if len(rows) <= MOST_PATCHES:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, MOST_PATCHES).round().astype(int)])


def _features(
    network: Network, parts: list[tuple[Patches, NDArray[np.int64]]], reporter: Reporter
) -> dict[int, Tensor]:
    """The features (N, D) of the patches of several sets, one set after the other, by the number of the level."""
    total, done = sum(len(rows) for _, rows in parts), 0
    found: dict[int, list[Tensor]] = {}
    for patches, rows in parts:
        at_once = max(1, CPU_BATCH_PIXELS // patches.patch_size**2)
        for start in range(0, len(rows), at_once):
            batch = rows[start : start + at_once].tolist()
            pixels = torch.from_numpy(patches.pixels(batch)).permute(0, 3, 1, 2)
            for at, level in features(network, pixels).items():
                found.setdefault(at, []).append(level.cpu())
            done += len(batch)
            reporter.progress("measuring patches", done, total)
    return {at: torch.cat(parts) for at, parts in found.items()}
