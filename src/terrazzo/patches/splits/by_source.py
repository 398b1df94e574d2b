"""Each of several data sets divided by itself: as it is given, or by the usual rules."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import SplitError
from terrazzo.patches.options import SplitOptions
from terrazzo.patches.splits.leak import BUFFER, leak
from terrazzo.patches.splits.one_sided import one_sided
from terrazzo.patches.splits.origins import PatchOrigins
from terrazzo.patches.splits.split import Split, default_method, make_split

EACH = "sources"
"""The method where the sources are divided by several."""


def by_source(origins: PatchOrigins, parts: Sequence[tuple[str, SplitOptions]]) -> Split:
    """The sides of all patches; `parts` has the name of each source and how it is divided.

    Options of blocks are for the sources that are divided so. The leak is that of all sources together, so that a
    picture in two of them counts. Its buffer is there where no group is shared but within sources that are divided by
    block. Raises SplitError, naming the source.
    """
    sides = np.full(len(origins.image), "train", dtype="<U5")
    splits: list[Split] = []
    rows_of = [np.flatnonzero(origins.source == number) for number in range(len(parts))]
    alone = [_alone(origins, rows) for rows in rows_of]
    methods = [options.method or default_method(own) for own, (_, options) in zip(alone, parts, strict=True)]
    for rows, own, (name, options), method in zip(rows_of, alone, parts, methods, strict=True):
        if "block" in methods and method != "block":
            options = replace(options, block_size=None, buffer=None)
        try:
            split = make_split(own, options, part=len(parts) > 1)
        except SplitError as error:
            raise SplitError(f"source {name}: {error}") from error
        told = (line if line.startswith("source ") else f"source {name}: {line}" for line in split.warnings)
        splits.append(replace(split, warnings=tuple(told)))
        sides[rows] = split.sides
    return Split(
        sides,
        methods[0] if len(set(methods)) == 1 else EACH,
        leak(origins, sides) | _buffer(origins, sides, splits),
        (
            *(line for split in splits for line in split.warnings),
            *(one_sided(origins, sides) if len(parts) > 1 else ()),
        ),
    )


def _alone(origins: PatchOrigins, rows: NDArray[np.int64]) -> PatchOrigins:
    """These patches as if there were no others, with the sides that their layout gives."""
    _, image = np.unique(origins.image[rows], return_inverse=True)
    given = tuple(origins.given[row] for row in rows)
    return replace(origins.rows(rows), image=image.reshape(-1), given=given)


def _buffer(origins: PatchOrigins, sides: NDArray[np.str_], splits: Sequence[Split]) -> dict[str, float]:
    """The least buffer of the sources whose sides share a group; empty where one has none, or two sources share one."""
    for number in range(len(splits)):
        own = origins.source == number
        if np.isin(origins.group[own & (sides == "val")], origins.group[~own & (sides == "train")]).any():
            return {}
    sharing = [split.leak for split in splits if split.leak["group"] > 0]
    if not all(BUFFER in found for found in sharing):
        return {}
    return {BUFFER: min(found[BUFFER] for found in sharing)} if sharing else {}
