"""The content of scores.json, from one pass of a split's patches through the model.

Law: each valid pixel (truth is not 255) of the split counts once. The confusion matrix, the groups and the intervals
are sums over the same patches.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from terrazzo._version import __version__
from terrazzo.classes.confusion import class_counts, confusion_matrices
from terrazzo.classes.schema import IGNORE
from terrazzo.evaluation.calibration.reliability import Reliability, calibration_scores
from terrazzo.evaluation.metrics import Pooled, Scores
from terrazzo.evaluation.patchwise.boundaries import boundary_counts, boundary_entries
from terrazzo.evaluation.patchwise.intervals import interval_entries
from terrazzo.evaluation.patchwise.owners import by_group, by_source
from terrazzo.evaluation.patchwise.sharing import spread
from terrazzo.evaluation.patchwise.tallies import Tallies, loss_sums, reliabilities
from terrazzo.evaluation.patchwise.units import Units, units_of
from terrazzo.evaluation.patchwise.worst import costliest, worst_rows
from terrazzo.evaluation.request import Inputs
from terrazzo.model.averaging.views import PLAIN, Views
from terrazzo.patches.splits.leak import BUFFER, is_leaky
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.recipe.published import Published, compare_published

if TYPE_CHECKING:
    from torch import Tensor

    from terrazzo.evaluation.patchwise.scored_model import ScoredModel


@dataclass(frozen=True)
class Outcome:
    """The counts of one pass over the N patches of a split."""

    confusion: NDArray[np.int64]
    """(K, K), rows truth, columns prediction."""
    pooled: Pooled
    tallies: Tallies
    """What each patch adds to every score."""
    reliability: Reliability
    """The valid pixels by confidence."""
    uncalibrated: Reliability
    """The same at temperature 1."""
    confused: NDArray[np.int64]
    """(N, 3): truth, prediction and pixels of each patch's most frequent confusion."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """(N, 3, K): right, truth and predicted pixels of each patch."""
        return self.tallies.counts


class HasPixels(Protocol):
    """What `probs_of` predicts: patches, or patches that are changed when they are read."""

    def pixels(self, rows: NDArray[np.int64]) -> Pixels:
        """The patches of these numbers, (n, S, S, C): uint8, or float32 with NaN where a value is missing."""
        ...


def score_patches(bundle: "ScoredModel", inputs: Inputs) -> Outcome:
    """The counts of the split's patches, predicted by the model."""
    import torch

    from terrazzo.evaluation.patchwise.scored_model import each_of
    from terrazzo.model.losses import build_loss

    n_classes, rows = inputs.patches.schema.n_classes, inputs.rows
    loss = build_loss(inputs.loss(), n_classes).to(bundle.device)
    confusion = np.zeros((n_classes, n_classes), np.int64)
    tallies, confused = Tallies.none(len(rows), n_classes), np.zeros((len(rows), 3), np.int64)
    reliability = uncalibrated = Reliability.none()
    starts = range(0, len(rows), inputs.request.batch_size)
    batches = [rows[start : start + inputs.request.batch_size] for start in starts]
    found = spread(each_of(bundle), partial(_with_uncalibrated, inputs), batches)
    for start, batch, both in zip(starts, batches, found, strict=True):
        truth = inputs.patches.masks[batch]
        probs, before = (each.to(bundle.device) for each in both)
        predicted = probs.argmax(dim=1).to("cpu", torch.uint8).numpy()
        matrices = confusion_matrices(truth, predicted, n_classes)
        confusion += matrices.sum(axis=0)
        here = slice(start, start + len(batch))
        tallies.counts[here], confused[here] = class_counts(matrices), costliest(matrices)
        tallies.boundary[here] = boundary_counts(truth, predicted, n_classes, inputs.request.boundary_px)
        after, raw = (
            reliabilities(each.amax(dim=1).cpu().numpy(), predicted == truth, truth != IGNORE)
            for each in (probs, before)
        )
        reliability, uncalibrated = sum(after, reliability), sum(raw, uncalibrated)
        tallies.gaps[here], tallies.gaps_uncalibrated[here] = ([each.gaps for each in part] for part in (after, raw))
        ids = torch.from_numpy(truth).to(probs.device, torch.int64)
        valid = ids != IGNORE
        # At temperature 1, as in training and behind published figures. Log-probabilities serve as logits: their
        # softmax gives the probabilities again.
        logits = before.clamp(min=torch.finfo(torch.float32).tiny).log()
        where = torch.where(valid, ids, 0)[:, None]
        tallies.true_sums[here] = _sums(before.gather(1, where)[:, 0], valid)
        tallies.entropy_sums[here] = -_sums(logits.gather(1, where)[:, 0], valid)
        tallies.loss_sums[here] = loss_sums(loss, logits, ids)
        inputs.request.reporter.progress("scoring patches", start + len(batch), len(rows))
    sums = tallies.loss_sums, tallies.true_sums, tallies.entropy_sums
    mean_loss, true, entropy = (float(each.sum()) / int(confusion.sum()) for each in sums)
    pooled = Pooled(class_counts(confusion), mean_loss, min(1.0, true), max(0.0, entropy))
    return Outcome(confusion, pooled, tallies, reliability, uncalibrated, confused)


def _sums(values: "Tensor", valid: "Tensor") -> NDArray[np.float64]:
    """The sum (B,) over the valid pixels of each patch, from values and valid (B, H, W)."""
    import torch

    sums: NDArray[np.float64] = torch.where(valid, values, 0).sum(dim=(1, 2)).cpu().double().numpy()
    return sums


def probs_of(bundle: "ScoredModel", patches: HasPixels, rows: NDArray[np.int64], views: Views = PLAIN) -> "Tensor":
    """Class probabilities (B, K, S, S) of the patches, float32, on the model's device; the mean over the views."""
    import torch

    pixels = patches.pixels(rows).transpose(0, 3, 1, 2)
    if views == PLAIN:
        return bundle.probs(torch.from_numpy(pixels))
    return torch.from_numpy(views.of(bundle.classify)(pixels)).to(bundle.device)


def _with_uncalibrated(inputs: Inputs, bundle: "ScoredModel", rows: NDArray[np.int64]) -> "tuple[Tensor, Tensor]":
    """`probs_of`, and the same at temperature 1. The network runs once for both."""
    patches, views = inputs.patches, inputs.request.views
    temperature = bundle.header.temperature
    if temperature == 1:
        probs = probs_of(bundle, patches, rows, views)
        return probs, probs
    import torch

    from terrazzo.evaluation.calibration.temperature import uncalibrated

    if views == PLAIN:
        probs = probs_of(bundle, patches, rows)
        return probs, uncalibrated(probs, temperature)

    def both(pixels: Pixels) -> NDArray[np.float32]:
        """Both side by side as (B, 2 K, H, W): views are averaged class by class."""
        found = torch.from_numpy(bundle.classify(pixels))
        return torch.cat((found, uncalibrated(found, temperature)), dim=1).numpy()

    mean = torch.from_numpy(views.of(both)(patches.pixels(rows).transpose(0, 3, 1, 2))).to(bundle.device)
    probs, before = mean.chunk(2, dim=1)
    return probs, before


def scores_of(inputs: Inputs, outcome: Outcome) -> dict[str, Any]:
    """The content of scores.json, without its key."""
    patches, rows = inputs.patches, inputs.rows
    scores = Scores.of(outcome.pooled, patches.schema.names, "counts", "loss", "probabilities")
    protocol = _protocol(inputs, outcome)
    units = units_of(inputs, outcome.tallies.pixels)
    intervals = interval_entries(outcome.tallies, units, patches.schema.names)
    beside = {"mean_iou": _mean_iou_interval(intervals, units), "loss": {"loss_terms": inputs.loss().terms}}
    figures: dict[str, Any] = {}
    for name, value in scores.values.items():
        figures |= {name: value, **beside.get(name, {})}
    return {
        **figures,
        **_published(inputs, protocol, scores.values),
        **{name: dict(zip(patches.schema.names, row, strict=True)) for name, row in scores.by_class.items()},
        "calibration": calibration_scores(outcome.reliability, outcome.uncalibrated, inputs.header.temperature),
        **boundary_entries(outcome.tallies.boundary, patches.schema.names, inputs.request.boundary_px),
        **intervals,
        "absent": list(scores.absent),
        "confusion": outcome.confusion.tolist(),
        "pixels": scores.pixels,
        "n_patches": len(rows),
        "n_images": len(np.unique(patches.image_of[rows])),
        "protocol": protocol,
        "trained_on": _trained_on(inputs),
        "groups": by_group(inputs, outcome.counts),
        **by_source(inputs, outcome.counts),
        "worst": worst_rows(inputs, outcome.counts, outcome.confused),
        "model": str(inputs.request.model),
        "patches_folder": str(patches.path),
        "batch_size": inputs.request.batch_size,
        "runtime": inputs.request.runtime,
        "tta": inputs.request.views.tta,
        "tta_scales": list(inputs.request.views.scales),
        "terrazzo_version": __version__,
    }


def _published(inputs: Inputs, protocol: dict[str, Any], ours: Mapping[str, float]) -> dict[str, Any]:
    """The published figures of the model's recipe beside ours, and whose they are."""
    published = Published.model_validate(inputs.header.recipe.get("published", {}))  # older models hold none
    return {
        "published": [asdict(each) for each in compare_published(published, protocol, ours)],
        "published_source": published.source,
        "published_protocol": published.protocol,
    }


def _mean_iou_interval(found: Mapping[str, Any], units: Units) -> dict[str, Any]:
    """The interval of mean IoU in entries of its own: (0, 1) where there is none."""
    return {
        "mean_iou_interval": found["intervals"].get("mean_iou", [0.0, 1.0]),
        "mean_iou_interval_over": units.words,
        "mean_iou_interval_unit": f"{units.kind}s",
        "mean_iou_interval_note": units.note,
    }


def _protocol(inputs: Inputs, outcome: Outcome) -> dict[str, Any]:
    """How the patches were split. Leak: the share of scored pixels whose image or group is also in training.

    Copies and versions of a picture count as one image.
    """
    patches = inputs.patches
    pixels = outcome.counts[:, 1].sum(axis=1)
    names = np.array(patches.image_groups)
    training = patches.image_of[patches.sides == "train"]
    scored = inputs.image_of
    pictures = patches.image_pictures
    shared = {"image": np.isin(pictures[scored], pictures[training]), "group": np.isin(names[scored], names[training])}
    leak = {unit: round(float(pixels[where].sum() / pixels.sum()), 6) for unit, where in shared.items()}
    if inputs.request.split != "train" and BUFFER in patches.leak:
        leak[BUFFER] = patches.leak[BUFFER]
    return {
        "split": inputs.request.split,
        "split_method": patches.description["split_method"],
        "leak": leak,
        "leaky": is_leaky(leak),
        "places_known": patches.places_known,
        "patch_size": patches.patch_size,
        "fit": patches.fit,
        "classes": list(patches.schema.names),
        "seed": patches.description["seed"],
    }


def _trained_on(inputs: Inputs) -> dict[str, Any]:
    """How many scored images the model was trained on, by the hashes in the model file.

    `other_patches`: it was trained on other patches of each of them, and on no copy of one.
    """
    patches, images = inputs.patches, np.unique(inputs.image_of)
    training = inputs.header.training_data
    known = set(training.train_images)
    found = [image for image in images if patches.image_hashes[image] in known]
    same_patches = training.fingerprint == patches.content_hash and inputs.request.split != "train"
    trained = set(patches.image_of[patches.sides == "train"].tolist())
    copies = Counter(patches.image_hashes[image] for image in trained)
    copied = any(copies[patches.image_hashes[image]] > (image in trained) for image in found)
    return {
        "images": len(found),
        "share": len(found) / len(images),
        "other_patches": bool(found and same_patches and not copied),
    }
