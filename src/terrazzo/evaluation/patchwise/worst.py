"""The worst patches of a split: where they are, and what was taken for what there.

The place is that of the source: row and column in its own pixels, however the patches were resampled, and of a raster
the coordinates as well. Folders of patches of earlier versions hold no coordinates.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.confusion import mean_ious
from terrazzo.evaluation.report_folder import WORST_FIELDS
from terrazzo.evaluation.request import Inputs
from terrazzo.patches.folder import Patches

N_LISTED = 20
"""The most patches that are listed."""
MIN_VALID_SHARE = 0.25
"""Patches with fewer valid pixels than this share of the fullest patch's are left out."""


def costliest(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    """Truth, prediction and pixels (N, 3) of the most frequent confusion of two classes in matrices (N, K, K).

    The pixels are 0 where nothing is wrong. Of equal ones the first in the order of class ids is taken.
    """
    n, n_classes = confusion.shape[:2]
    wrong = confusion * ~np.eye(n_classes, dtype=np.bool_)
    cell = wrong.reshape(n, -1).argmax(axis=1)
    truth, predicted = cell // n_classes, cell % n_classes
    return np.column_stack([truth, predicted, wrong[np.arange(n), truth, predicted]])


def enough_valid(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The patches, ascending, with enough valid pixels to be called good or bad, from counts (N, 3, K)."""
    valid = counts[:, 1].sum(axis=1)
    return np.flatnonzero((valid > 0) & (valid >= MIN_VALID_SHARE * valid.max(initial=0)))


def lowest(counts: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Up to `n` patches of the lowest accuracy, lowest first; patches with few valid pixels are left out."""
    eligible = enough_valid(counts)
    accuracy = counts[eligible, 0].sum(axis=1) / counts[eligible, 1].sum(axis=1)
    return eligible[np.argsort(accuracy, kind="stable")[:n]]


def worst_rows(inputs: Inputs, counts: NDArray[np.int64], confused: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The rows of worst.csv by the names of its columns, lowest accuracy first; patches without an error have none.

    `patch` is the number in the folder of patches; `row` and `col` are those of its top left pixel, in the source's
    pixels. `x` and `y` are its centre's, in `crs`; they are None of a source without coordinates. `truth`, `predicted`
    and `confused_px` are its most frequent confusion. Takes the counts (N, 3, K) and confusions (N, 3) of N patches.
    """
    names = inputs.patches.schema.names
    rows: list[dict[str, Any]] = []
    for position in lowest(counts, N_LISTED).tolist():
        truth, predicted, pixels = confused[position].tolist()
        if not pixels:
            continue
        patch = int(inputs.rows[position])
        right, valid = counts[position, 0].sum(), counts[position, 1].sum()
        cells = {
            "rank": len(rows) + 1,
            "patch": patch,
            **_place(inputs.patches, patch),
            "accuracy": round(float(right / valid), 6),
            "mean_iou": round(float(mean_ious(counts[position])), 6),
            "truth": names[truth],
            "predicted": names[predicted],
            "confused_px": pixels,
        }
        rows.append({field: cells[field] for field in WORST_FIELDS})
    return rows


def _place(patches: Patches, patch: int) -> dict[str, Any]:
    """The image of a patch, its top left pixel there, and the coordinates of its centre."""
    image = int(patches.image_of[patch])
    entry = patches.description["images"][image]
    row, col = patches.corners[patch].tolist()
    if "source_size" in entry:
        down, right = entry["source_size"][0] / entry["height"], entry["source_size"][1] / entry["width"]
    else:
        down = right = entry.get("downsample", patches.downsample)
    found: dict[str, Any] = {"image": patches.image_names[image], "row": round(row * down), "col": round(col * right)}
    x = y = crs = None
    if "transform" in entry:
        a, b, c, d, e, f = entry["transform"]
        side = patches.patch_size
        height, width = (entry["height"], entry["width"]) if patches.fit == "resize" else (side, side)
        across, along = col + width / 2, row + height / 2
        x, y, crs = a * across + b * along + c, d * across + e * along + f, entry.get("crs")
    return {**found, "x": x, "y": y, "crs": crs}
