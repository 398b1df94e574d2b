"""Scores of a model on images that were made worse: the rows of degrade.csv.

Law: each row scores the whole split as scores.json does; the row `clean,0` has the very values of scores.json. Only the
pixels of bands of light differ between rows, so missing pixels stay missing and ignored ones ignored.

Rows are kept in a hidden file of the report's folder as they are finished. The same command resumes there.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from terrazzo.classes.confusion import class_counts, confusion_matrices
from terrazzo.errors import PatchesError
from terrazzo.evaluation.degradations import DEGRADATIONS, Degradation
from terrazzo.evaluation.metrics import Pooled, accuracy, mean_iou
from terrazzo.evaluation.report_folder import ReportFolder, Row
from terrazzo.patches.folder import Patches
from terrazzo.patches.light import light_in
from terrazzo.system.reporting import how_many, listed

if TYPE_CHECKING:
    from terrazzo.evaluation.degraded_patches import DegradedPatches
    from terrazzo.evaluation.patchwise.scored_model import ScoredModel
    from terrazzo.evaluation.request import Inputs

CLEAN = "clean"
"""The kind of the first row, whose strength is 0."""


def kinds_for(patches: Patches) -> tuple[Degradation, ...]:
    """The degradations that these patches can have. Raises PatchesError where no band is light."""
    light = light_in(patches)
    if not light.places:
        names = listed(patches.band_reading.names if patches.band_reading else ())
        raise PatchesError(
            f"{patches.path}: none of its bands ({names}) is light by its name, and --degrade changes light alone; "
            "leave --degrade out, or name the bands in the rasters"
        )
    return tuple(each for each in DEGRADATIONS.values() if light.rgb or not each.needs_colors)


def is_complete(rows: Iterable[Mapping[str, Any]], kinds: Iterable[Degradation]) -> bool:
    """Whether these are the rows of all strengths of the kinds, after the clean one."""
    wanted = [(CLEAN, 0), *((each.name, strength) for each in kinds for strength in each.strengths)]
    return [(row["kind"], row["strength"]) for row in rows] == wanted


def degraded_rows(
    bundle: "ScoredModel",
    inputs: "Inputs",
    clean: Mapping[str, Any],
    kinds: tuple[Degradation, ...],
    folder: ReportFolder,
) -> list[Row]:
    """The rows of degrade.csv: the clean one from its scores, then each strength of each kind.

    Each row is kept in the folder when it is finished; rows that are kept there already are not scored again.
    """
    from terrazzo.evaluation.degraded_patches import DegradedPatches
    from terrazzo.model.network import Normalizer

    say, kept = inputs.request.reporter.say, folder.rows()
    if left_out := [name for name in DEGRADATIONS if name not in {kind.name for kind in kinds}]:
        say(f"--degrade: {listed(left_out)} left out, as these images have no red, green and blue")
    if kept:
        n_all = sum(len(kind.strengths) for kind in kinds)
        say(f"{folder.path}: resuming after {len(kept)} of {how_many(n_all, 'score')} on degraded images")
    known = {(row["kind"], row["strength"]): row for row in kept}
    light, normalizer = light_in(inputs.patches), Normalizer(inputs.header.normalization)
    done: list[Row] = []
    for number, kind in enumerate(kinds, start=1):
        title = f"scoring degraded patches: {kind.name}, {number} of {len(kinds)}"
        for strength in kind.strengths:
            if (kind.name, strength) in known:
                done.append(known[kind.name, strength])
                continue
            worse = DegradedPatches(inputs.patches, kind, strength, light, normalizer)
            done.append(_row(bundle, inputs, worse, title))
            folder.keep(done)
    return [{"kind": CLEAN, "strength": 0, "mean_iou": clean["mean_iou"], "accuracy": clean["accuracy"]}, *done]


def _row(bundle: "ScoredModel", inputs: "Inputs", worse: "DegradedPatches", title: str) -> Row:
    """The scores of the split at one strength."""
    import torch

    from terrazzo.evaluation.scoring import probs_of

    rows, at_once = inputs.rows, inputs.request.batch_size
    kind, strength, n_classes = worse.degradation, worse.strength, inputs.patches.schema.n_classes
    before = kind.strengths.index(strength) * len(rows)
    confusion = np.zeros((n_classes, n_classes), np.int64)
    for start in range(0, len(rows), at_once):
        batch = rows[start : start + at_once]
        ids = probs_of(bundle, worse, batch, inputs.request.views).argmax(dim=1).to("cpu", torch.uint8).numpy()
        confusion += confusion_matrices(inputs.patches.masks[batch], ids, n_classes).sum(axis=0)
        inputs.request.reporter.progress(title, before + start + len(batch), len(kind.strengths) * len(rows))
    pooled = Pooled(class_counts(confusion))
    return {"kind": kind.name, "strength": strength, "mean_iou": mean_iou(pooled), "accuracy": accuracy(pooled)}
