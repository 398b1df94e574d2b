"""One pass of a split's patches through the model, and every score that follows from what it counts.

Law: each valid pixel (truth != 255) of the split counts once, and the confusion matrix, the groups and the interval
are sums over the same patches.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terrazzo._version import __version__
from terrazzo.classes.schema import IGNORE
from terrazzo.evaluation.metrics import Scores, bootstrap_interval, class_counts, confusion_matrices, soft_micro_jaccard
from terrazzo.evaluation.request import Asked
from terrazzo.patches.folder import Patches
from terrazzo.patches.splits.leak import BUFFER, is_leaky
from terrazzo.recipe.published import compare_published
from terrazzo.system.reporting import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from terrazzo.model.bundle import Bundle

MIN_GROUPS = 5
"""From so many groups on, the interval draws groups; with fewer it draws images."""


@dataclass(frozen=True)
class Tally:
    """What one pass over the N patches of a split counts."""

    confusion: NDArray[np.int64]
    """(K, K), rows truth, columns prediction."""
    counts: NDArray[np.int64]
    """(N, 3, K): right, truth and predicted pixels of each patch, see `metrics`."""
    true_probability: float
    """Mean softmax probability of the true class."""
    cross_entropy: float
    """Mean of -log of the true class's probability."""
    loss: float


def take_tally(bundle: "Bundle", asked: Asked, progress: Progress) -> Tally:
    """One pass of the split's patches through the model."""
    import torch

    from terrazzo.model.losses import build_loss

    n_classes, rows = asked.patches.schema.n_classes, asked.rows
    loss = build_loss(asked.loss(), n_classes).to(bundle.compute.device)
    confusion = np.zeros((n_classes, n_classes), np.int64)
    counts = np.zeros((len(rows), 3, n_classes), np.int64)
    true_sum = entropy_sum = loss_sum = 0.0
    for start in range(0, len(rows), asked.batch_size):
        batch = rows[start : start + asked.batch_size]
        truth = asked.patches.masks[batch]
        probs = probs_of(bundle, asked.patches, batch)
        matrices = confusion_matrices(truth, probs.argmax(dim=1).to("cpu", torch.uint8).numpy(), n_classes)
        confusion += matrices.sum(axis=0)
        counts[start : start + len(batch)] = class_counts(matrices)
        ids = torch.from_numpy(truth).to(probs.device, torch.int64)
        valid = ids != IGNORE
        # Log-probabilities are logits: their softmax is the probabilities again.
        logits = probs.clamp(min=torch.finfo(torch.float32).tiny).log()
        where = torch.where(valid, ids, 0)[:, None]
        true_sum += float(probs.gather(1, where)[:, 0][valid].sum())
        entropy_sum -= float(logits.gather(1, where)[:, 0][valid].sum())
        loss_sum += float(loss(logits, ids)) * int(valid.sum())
        progress("scoring patches", start + len(batch), len(rows))
    pixels = int(confusion.sum())
    return Tally(confusion, counts, min(1.0, true_sum / pixels), max(0.0, entropy_sum / pixels), loss_sum / pixels)


def probs_of(bundle: "Bundle", patches: Patches, rows: NDArray[np.int64]) -> "Tensor":
    """Class probabilities (B, K, S, S), a float32 tensor on the bundle's device."""
    import torch

    return bundle.probs(torch.from_numpy(patches.images[rows]).permute(0, 3, 1, 2))


def scores_of(asked: Asked, tally: Tally) -> dict[str, Any]:
    """scores.json but for its key."""
    patches, rows = asked.patches, asked.rows
    scores = Scores.from_confusion(tally.confusion, patches.schema.names)
    soft, protocol = _soft(tally), _protocol(asked, tally)
    return {
        "accuracy": scores.accuracy,
        "mean_iou": scores.mean_iou,
        **_interval(asked, tally),
        "mean_dice": scores.mean_dice,
        "kappa": scores.kappa,
        "loss": tally.loss,
        "loss_terms": asked.loss().terms,
        **soft,
        **_published(asked, protocol, {"accuracy": scores.accuracy, **soft}),
        **_by_class(scores, patches),
        "absent": list(scores.absent),
        "confusion": tally.confusion.tolist(),
        "pixels": scores.pixels,
        "n_patches": len(rows),
        "n_images": len(np.unique(patches.image_of[rows])),
        "protocol": protocol,
        "trained_on": _trained_on(asked),
        "groups": _groups(asked, tally),
        "model": str(asked.model),
        "patches_folder": str(patches.path),
        "batch_size": asked.batch_size,
        "terrazzo_version": __version__,
    }


def _soft(tally: Tally) -> dict[str, float]:
    """The scores of probabilities, pooled over all valid pixels; published projects report them under other names."""
    a = tally.true_probability
    return {
        "jaccard_soft_micro": soft_micro_jaccard(a),
        "true_class_probability": a,
        "cross_entropy": tally.cross_entropy,
        "ce_plus_soft_dice": tally.cross_entropy + 1 - a,
    }


def _published(asked: Asked, protocol: dict[str, Any], ours: dict[str, float]) -> dict[str, Any]:
    """The published figures of the model's recipe beside ours, and whose they are."""
    published = asked.published()
    return {
        "published": [asdict(each) for each in compare_published(published, protocol, ours)],
        "published_source": published.source,
        "published_protocol": published.protocol,
    }


def _by_class(scores: Scores, patches: Patches) -> dict[str, dict[str, float | None]]:
    """Class scores by class name in id order, None where absent."""
    named = {"iou": scores.iou, "dice": scores.dice, "precision": scores.precision, "recall": scores.recall}
    return {key: dict(zip(patches.schema.names, values, strict=True)) for key, values in named.items()}


def _interval(asked: Asked, tally: Tally) -> dict[str, Any]:
    """The bootstrap interval of mean IoU, what it draws, and what it is worth."""
    groups = _group_of(asked)
    of_group = groups is not None and len(np.unique(groups[tally.counts[:, 1].sum(axis=1) > 0])) >= MIN_GROUPS
    owner = groups if groups is not None and of_group else asked.image_of
    units, place = np.unique(owner, return_inverse=True)
    counts = np.zeros((len(units), *tally.counts.shape[1:]), np.int64)
    np.add.at(counts, place, tally.counts)
    n = int((counts[:, 1].sum(axis=1) > 0).sum())
    unit = ("group" if of_group else "image") + "s" * (n != 1)
    note = "too narrow: it says nothing of places unlike these"
    if not of_group:
        note = "too narrow: images of one place resemble each other"
    return {
        "mean_iou_interval": list(bootstrap_interval(counts)),
        "mean_iou_interval_over": f"{n} {unit}",
        "mean_iou_interval_unit": "groups" if of_group else "images",
        "mean_iou_interval_note": note if n > 1 else "one alone says nothing of the spread",
    }


def _protocol(asked: Asked, tally: Tally) -> dict[str, Any]:
    """How the scored patches were set apart. Leak: share of the scored pixels whose image, or group, also trains."""
    patches = asked.patches
    pixels = tally.counts[:, 1].sum(axis=1)
    names = np.array(patches.image_groups)
    training = patches.image_of[patches.sides == "train"]
    scored = asked.image_of
    shared = {"image": np.isin(scored, training), "group": np.isin(names[scored], names[training])}
    leak = {unit: round(float(pixels[where].sum() / pixels.sum()), 6) for unit, where in shared.items()}
    if asked.split != "train" and BUFFER in patches.leak:
        leak[BUFFER] = patches.leak[BUFFER]
    return {
        "split": asked.split,
        "split_method": patches.description["split_method"],
        "leak": leak,
        "leaky": is_leaky(leak),
        "patch_size": patches.patch_size,
        "fit": patches.fit,
        "classes": list(patches.schema.names),
        "seed": patches.description["seed"],
    }


def _trained_on(asked: Asked) -> dict[str, Any]:
    """How many of the scored images the model was trained on, by the hashes in the model file."""
    images = np.unique(asked.image_of)
    training = asked.header.training_data
    known = set(training.train_images)
    found = sum(asked.patches.image_hashes[image] in known for image in images)
    same_patches = training.fingerprint == asked.patches.content_hash
    return {
        "images": found,
        "share": found / len(images),
        "other_patches": bool(found and same_patches and asked.split != "train"),
    }


def _group_of(asked: Asked) -> NDArray[np.str_] | None:
    """(N,) the group of each scored patch; None where every image is its own group."""
    patches = asked.patches
    if patches.image_groups == patches.image_names:
        return None
    return np.array(patches.image_groups)[asked.image_of]


def _groups(asked: Asked, tally: Tally) -> dict[str, Any]:
    """Scores by group name; those of a group without a valid pixel are None."""
    groups = _group_of(asked)
    if groups is None:
        return {}
    table = {}
    for group in dict.fromkeys(groups.tolist()):
        where = groups == group
        counts = tally.counts[where].sum(axis=0)
        names = asked.patches.schema.names
        scores = Scores.from_counts(counts, names) if counts.any() else None
        table[group] = {
            "accuracy": scores.accuracy if scores else None,
            "mean_iou": scores.mean_iou if scores else None,
            "mean_dice": scores.mean_dice if scores else None,
            "pixels": scores.pixels if scores else 0,
            "patches": int(where.sum()),
            "images": len(np.unique(asked.image_of[where])),
            "iou": dict(zip(names, scores.iou if scores else (None,) * len(names), strict=True)),
        }
    return table
