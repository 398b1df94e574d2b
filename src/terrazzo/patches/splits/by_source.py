"""Each of several data sets divided by itself: as it is given, or by the usual rules."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from terrazzo.errors import SplitError
from terrazzo.patches.options import SplitOptions
from terrazzo.patches.splits.leak import BUFFER, leak
from terrazzo.patches.splits.origins import PatchOrigins
from terrazzo.patches.splits.split import Split, make_split

EACH = "sources"
"""The method where the sources are divided by several."""


def by_source(origins: PatchOrigins, parts: Sequence[tuple[str, SplitOptions]]) -> Split:
    """The sides of all patches; `parts` has the name of each source and how it is divided.

    The leak is that of all sources together, so that a picture in two of them counts. Its buffer is there where no
    group is shared but within sources that are divided by block. Raises SplitError, naming the source.
    """
    sides = np.full(len(origins.image), "train", dtype="<U5")
    splits: list[Split] = []
    shared = np.zeros(len(sides), np.bool_)
    for number, (name, options) in enumerate(parts):
        rows = np.flatnonzero(origins.source == number)
        own = replace(
            origins.rows(rows),
            image=np.unique(origins.image[rows], return_inverse=True)[1].reshape(-1),
            given=tuple(origins.given[row] for row in rows),
        )
        try:
            split = make_split(own, options)
        except SplitError as error:
            raise SplitError(f"source {name}: {error}") from error
        told = (line if line.startswith("source ") else f"source {name}: {line}" for line in split.warnings)
        splits.append(replace(split, warnings=tuple(told)))
        sides[rows] = split.sides
        shared[rows] = np.isin(own.group, own.group[split.sides == "train"])
    methods = list(dict.fromkeys(split.method for split in splits))
    return Split(
        sides,
        methods[0] if len(methods) == 1 else EACH,
        leak(origins, sides) | _buffer(origins, sides, splits, shared),
        tuple(line for split in splits for line in split.warnings),
    )


def _buffer(origins: PatchOrigins, sides: np.ndarray, splits: Sequence[Split], shared: np.ndarray) -> dict[str, float]:
    """The least buffer of the sources whose sides share a group; empty where one has none, or two sources share one."""
    across = np.isin(origins.group, origins.group[sides == "train"]) & ~shared & (sides == "val")
    sharing = [split.leak for split in splits if split.leak["group"] > 0]
    if across.any() or not sharing or not all(BUFFER in found for found in sharing):
        return {}
    return {BUFFER: min(found[BUFFER] for found in sharing)}
