"""Blended probabilities as whole numbers: sums that do not depend on the order of their terms.

A window's probabilities times its weights (`blend.Axis.weights`, which sum to 1 over the windows of a pixel) are
rounded to multiples of 2**-20. So a valid pixel's sums add up to 2**20, give or take a few units. An invalid pixel's
are 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE

UNIT = 1 << 20
NODATA = IGNORE
PERCENT = 100
_ROWS = 32  # finished together: they stay in the cache

CLASSES, CONFIDENCE, PROBABILITIES = "classes", "confidence", "probabilities"
SECOND = "second"
"""The layer of each pixel's second class: its id, and its share in percent."""
BANDS = {CLASSES: 1, CONFIDENCE: 1, SECOND: 2}
"""The bands of a layer; PROBABILITIES has one a class."""
Layers = Mapping[str, NDArray[np.uint8]]
"""By name, each (bands, h, w): class ids; the winner's, every class's and the second's share in percent."""


@dataclass(frozen=True)
class Part:
    """A rectangle of a map: its first row and column, and its layers."""

    row: int
    col: int
    layers: Layers


def weighted(probs: NDArray[np.float32], rows: NDArray[np.float32], cols: NDArray[np.float32]) -> NDArray[np.int32]:
    """Probs (K, h, w) times the weights of their rows (h,) and columns (w,), in units of 2**-20."""
    scaled = probs * np.outer(rows, cols)
    scaled *= UNIT
    terms: NDArray[np.int32] = np.rint(scaled, out=scaled).astype(np.int32)
    return terms


def finish(sums: NDArray[np.int32], wanted: tuple[str, ...]) -> dict[str, NDArray[np.uint8]]:
    """The layers of finished sums (K, h, w); 255 if all are 0, the lowest id of equals, shares rounded half up.

    The second class is the one that would win without the winner. A model of one class has none: its id is 255.
    """
    count, height, width = sums.shape
    bands = {layer: count if layer == PROBABILITIES else BANDS[layer] for layer in wanted}
    layers = {layer: np.empty((n, height, width), np.uint8) for layer, n in bands.items()}
    for row in range(0, height, _ROWS):
        rows = slice(row, row + _ROWS)
        _finish_rows(sums[:, rows], {layer: values[:, rows] for layer, values in layers.items()})
    return layers


def _finish_rows(sums: NDArray[np.int32], layers: Mapping[str, NDArray[np.uint8]]) -> None:
    """Fill in the layers of a few rows."""
    total = sums.sum(axis=0, dtype=np.int32)
    invalid = total == 0
    total[invalid] = 1
    ids, share, *second = _second(sums) if SECOND in layers else _winner(sums)
    if CLASSES in layers:
        layers[CLASSES][0] = ids
    if CONFIDENCE in layers:
        layers[CONFIDENCE][0] = _percent(share, total)
    if SECOND in layers:
        layers[SECOND][0], layers[SECOND][1] = second[0], _percent(second[1], total)
    if PROBABILITIES in layers:
        for layer, share in zip(layers[PROBABILITIES], sums, strict=True):
            layer[:] = _percent(share, total)
    for values in layers.values():
        values[:, invalid] = NODATA


def _winner(sums: NDArray[np.int32]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The id (h, w) of the largest sum, the lowest of equals, and that sum.

    A sum has at most 21 bits. With 255 - id in the eight bits below, one maximum gives both. That is ten times as fast
    as argmax along the first axis.
    """
    largest = np.zeros(sums.shape[1:], np.int32)
    for i, values in enumerate(sums):
        key = values << 8
        key += IGNORE - i
        np.maximum(largest, key, out=largest)
    return _parted(largest)


def _second(sums: NDArray[np.int32]) -> tuple[NDArray[Any], ...]:
    """The id and sum of the winner (h, w), and those of the second class; both are found in one pass."""
    largest, second, lower = (np.zeros(sums.shape[1:], np.int32) for _ in range(3))
    for i, values in enumerate(sums):
        key = values << 8
        key += IGNORE - i
        np.minimum(largest, key, out=lower)
        np.maximum(second, lower, out=second)
        np.maximum(largest, key, out=largest)
    return (*_parted(largest), *_parted(second))


def _parted(key: NDArray[np.int32]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The id and the sum that a key holds."""
    return (IGNORE - (key & 255)).astype(np.uint8), key >> 8


def _percent(share: NDArray[np.int32], total: NDArray[np.int32]) -> NDArray[np.uint8]:
    percent = share * np.int32(2 * PERCENT)  # below 2**28
    percent += total
    percent //= 2 * total
    return percent.astype(np.uint8)
