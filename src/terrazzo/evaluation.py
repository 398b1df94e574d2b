"""The scores of a model on one split of patches, and the folder with scores.json and report.html.

Law: every score is of the valid pixels (truth != 255) of the split, each counted once. Nothing heavy is imported
before every argument and file was checked.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terrazzo._version import __version__
from terrazzo.errors import InputError, OutputExistsError, PatchesError
from terrazzo.files import digest, file_digest, refuse_existing, write_json, write_text
from terrazzo.header import Header, read_header
from terrazzo.metrics import Scores, bootstrap_interval, class_counts, confusion_matrices, soft_micro_jaccard
from terrazzo.patches import Patches, open_patches
from terrazzo.recipe import LossSection
from terrazzo.reporting import Progress, Say, quiet, silent
from terrazzo.schema import IGNORE

if TYPE_CHECKING:
    from terrazzo.bundle import Bundle
    from terrazzo.report import Example

SCORES, REPORT = "scores.json", "report.html"
FORMAT = 1
MIN_GROUPS = 5
"""From so many groups on, the interval draws groups; with fewer it draws images."""

PerClass = dict[str, float | None]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found, and where it was written."""

    scores: dict[str, Any]
    """The content of scores.json."""
    out: Path | None
    kept: bool
    """A finished report of the same inputs and options was there already."""

    def lines(self) -> list[str]:
        """The scores for a terminal; a leaky split is called leaky."""
        from terrazzo.report import summary_lines

        return summary_lines(self.scores)


@dataclass(frozen=True)
class _Command:
    """One evaluation's inputs and options, checked."""

    model: Path
    header: Header
    patches: Patches
    rows: NDArray[np.int64]
    """The numbers of the split's patches."""
    split: str
    batch_size: int
    device: str
    precision: str

    def key(self) -> str:
        """Equal for evaluations of the same model and patches with the same options."""
        options = [self.split, str(self.batch_size), self.device, self.precision]
        return digest(str(FORMAT), __version__, file_digest(self.model), self.patches.content_hash, *options)

    def loss(self) -> LossSection:
        """The loss that the model was trained with."""
        return LossSection.model_validate(self.header.recipe["loss"])


@dataclass(frozen=True)
class _Tally:
    """What one pass over the N patches of a split counts."""

    confusion: NDArray[np.int64]
    """(K, K), rows truth, columns prediction."""
    counts: NDArray[np.int64]
    """(N, 3, K): right, truth and predicted pixels of each patch, see `metrics`."""
    true_probability: float
    """Mean softmax probability of the true class."""
    loss: float


def evaluate(
    model: Path,
    patches: Path,
    *,
    split: str = "val",
    out: Path | None = None,
    batch_size: int = 8,
    device: str = "auto",
    precision: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Evaluation:
    """The scores of the model on one split; with `out`, scores.json and report.html in that folder.

    A finished report of the same inputs and options is kept. Raises InputError or ModelFileError (arguments, model),
    PatchesError (patches that are damaged, empty in that split, or of other classes or bands than the model's),
    OutputExistsError (something else is at `out`; with `overwrite` the two files are replaced, others stay).
    """
    command = _check(Path(model), Path(patches), split, batch_size, device, precision)
    key = command.key()
    if out is not None:
        if not overwrite and (kept := _finished(out, key)) is not None:
            return _said(Evaluation(kept, out, True), say)
        _refuse(out, overwrite)
    from terrazzo.bundle import load

    bundle = load(command.model, device, precision)
    tally = _tally(bundle, command, progress)
    scores = {**_scores(command, tally), "key": key}
    if out is not None:
        _write(out, bundle, command, tally, scores)
    return _said(Evaluation(scores, out, False), say)


def _said(done: Evaluation, say: Say) -> Evaluation:
    from terrazzo.report import trained_on_line

    if line := trained_on_line(done.scores):
        say(f"warning: {line}")
    return done


def _check(model: Path, patches: Path, split: str, batch_size: int, device: str, precision: str) -> _Command:
    """The command of these arguments, or the error of the first that cannot be used."""
    if batch_size < 1:
        raise InputError(f"--batch-size {batch_size}: expected at least 1")
    if precision not in ("auto", "32", "bf16"):
        raise InputError(f"--precision {precision}: expected auto, 32 or bf16")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise InputError(f"--device {device}: expected auto, cpu, cuda, cuda:N or mps")
    header = read_header(model)
    opened = open_patches(patches)
    if header.schema.names != opened.schema.names:
        raise PatchesError(
            f"{patches}: has the classes {', '.join(opened.schema.names)}; the model {model} knows "
            f"{', '.join(header.schema.names)}; prepare patches with the model's classes, in its order"
        )
    if header.bands != opened.bands:
        raise PatchesError(f"{patches}: has {opened.bands} bands, the model {model} takes {header.bands}")
    rows = opened.rows(split)
    if not any((opened.masks[row] != IGNORE).any() for row in rows):
        raise PatchesError(f"{patches}: every pixel of its split {split} is ignored, so there is nothing to score")
    return _Command(model, header, opened, rows, split, batch_size, device, precision)


def _finished(out: Path, key: str) -> dict[str, Any] | None:
    """The scores at `out` where they are finished and of the same inputs and options."""
    try:
        scores = json.loads((out / SCORES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = isinstance(scores, dict) and scores.get("key") == key
    return scores if same and (out / REPORT).is_file() else None


def _refuse(out: Path, overwrite: bool) -> None:
    """Raise OutputExistsError where the report cannot go to `out`."""
    for folder in (out, *out.parents):
        if folder.is_file():
            raise OutputExistsError(f"{folder}: is a file; --out takes a folder")
    refuse_existing(out, "a finished report", overwrite)


def _tally(bundle: "Bundle", command: _Command, progress: Progress) -> _Tally:
    """One pass of the split's patches through the model."""
    import torch

    from terrazzo.losses import build_loss

    n_classes, rows = command.patches.schema.n_classes, command.rows
    loss = build_loss(command.loss(), n_classes).to(bundle.compute.device)
    confusion = np.zeros((n_classes, n_classes), np.int64)
    counts = np.zeros((len(rows), 3, n_classes), np.int64)
    true_sum = loss_sum = 0.0
    for start in range(0, len(rows), command.batch_size):
        batch = rows[start : start + command.batch_size]
        truth = command.patches.masks[batch]
        probs = _probs(bundle, command.patches, batch)
        matrices = confusion_matrices(truth, probs.argmax(dim=1).to("cpu", torch.uint8).numpy(), n_classes)
        confusion += matrices.sum(axis=0)
        counts[start : start + len(batch)] = class_counts(matrices)
        ids = torch.from_numpy(truth).to(probs.device, torch.int64)
        valid = ids != IGNORE
        of_truth = probs.gather(1, torch.where(valid, ids, 0)[:, None])[:, 0]
        true_sum += float(of_truth[valid].sum())
        # Log-probabilities are logits: their softmax is the probabilities again.
        logits = probs.clamp(min=torch.finfo(torch.float32).tiny).log()
        loss_sum += float(loss(logits, ids)) * int(valid.sum())
        progress("scoring patches", start + len(batch), len(rows))
    pixels = int(confusion.sum())
    return _Tally(confusion, counts, min(1.0, true_sum / pixels), loss_sum / pixels)


def _probs(bundle: "Bundle", patches: Patches, rows: NDArray[np.int64]) -> Any:
    """Class probabilities (B, K, S, S), a float32 tensor on the bundle's device."""
    import torch

    return bundle.probs(torch.from_numpy(patches.images[rows]).permute(0, 3, 1, 2))


def _scores(command: _Command, tally: _Tally) -> dict[str, Any]:
    """scores.json but for its key."""
    patches, rows = command.patches, command.rows
    scores = Scores.from_confusion(tally.confusion, patches.schema.names)
    return {
        "accuracy": scores.accuracy,
        "mean_iou": scores.mean_iou,
        **_interval(command, tally),
        "mean_dice": scores.mean_dice,
        "kappa": scores.kappa,
        "loss": tally.loss,
        "loss_terms": command.loss().terms,
        "jaccard_soft_micro": soft_micro_jaccard(tally.true_probability),
        **_by_class(scores, patches),
        "absent": list(scores.absent),
        "confusion": tally.confusion.tolist(),
        "pixels": scores.pixels,
        "n_patches": len(rows),
        "n_images": len(np.unique(patches.image_of[rows])),
        "protocol": _protocol(command, tally),
        "trained_on": _trained_on(command),
        "groups": _groups(command, tally),
        "model": str(command.model),
        "patches_folder": str(patches.path),
        "batch_size": command.batch_size,
        "terrazzo_version": __version__,
    }


def _by_class(scores: Scores, patches: Patches) -> dict[str, PerClass]:
    """Class scores by class name in id order, None where absent."""
    named = {"iou": scores.iou, "dice": scores.dice, "precision": scores.precision, "recall": scores.recall}
    return {key: dict(zip(patches.schema.names, values, strict=True)) for key, values in named.items()}


def _interval(command: _Command, tally: _Tally) -> dict[str, Any]:
    """The bootstrap interval of mean IoU, what it draws, and what it is worth."""
    groups = _group_of(command)
    of_group = groups is not None and len(np.unique(groups[tally.counts[:, 1].sum(axis=1) > 0])) >= MIN_GROUPS
    owner = groups if groups is not None and of_group else command.patches.image_of[command.rows]
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


def _protocol(command: _Command, tally: _Tally) -> dict[str, Any]:
    """How the scored patches were set apart. Leak: share of the scored pixels whose image, or group, also trains."""
    patches = command.patches
    pixels = tally.counts[:, 1].sum(axis=1)
    names = np.array(patches.image_groups)
    training = patches.image_of[patches.sides == "train"]
    scored = patches.image_of[command.rows]
    shared = {"image": np.isin(scored, training), "group": np.isin(names[scored], names[training])}
    leak = {unit: round(float(pixels[where].sum() / pixels.sum()), 6) for unit, where in shared.items()}
    return {
        "split": command.split,
        "split_method": patches.description["split_method"],
        "leak": leak,
        "leaky": leak["group"] > 0,
        "patch_size": patches.patch_size,
        "fit": patches.fit,
        "seed": patches.description["seed"],
    }


def _trained_on(command: _Command) -> dict[str, Any]:
    """How many of the scored images the model was trained on, by the hashes in the model file."""
    images = np.unique(command.patches.image_of[command.rows])
    training = command.header.training_data
    known = set(training.train_images)
    found = sum(command.patches.image_hashes[image] in known for image in images)
    same_patches = training.fingerprint == command.patches.content_hash
    return {
        "images": found,
        "share": found / len(images),
        "other_patches": bool(found and same_patches and command.split != "train"),
    }


def _group_of(command: _Command) -> NDArray[np.str_] | None:
    """(N,) the group of each scored patch; None where every image is its own group."""
    patches = command.patches
    if patches.image_groups == patches.image_names:
        return None
    return np.array(patches.image_groups)[patches.image_of[command.rows]]


def _groups(command: _Command, tally: _Tally) -> dict[str, Any]:
    """Scores by group name; those of a group without a valid pixel are None."""
    groups = _group_of(command)
    if groups is None:
        return {}
    table = {}
    for group in dict.fromkeys(groups.tolist()):
        where = groups == group
        counts = tally.counts[where].sum(axis=0)
        names = command.patches.schema.names
        scores = Scores.from_counts(counts, names) if counts.any() else None
        table[group] = {
            "accuracy": scores.accuracy if scores else None,
            "mean_iou": scores.mean_iou if scores else None,
            "mean_dice": scores.mean_dice if scores else None,
            "pixels": scores.pixels if scores else 0,
            "patches": int(where.sum()),
            "images": len(np.unique(command.patches.image_of[command.rows[where]])),
            "iou": dict(zip(names, scores.iou if scores else (None,) * len(names), strict=True)),
        }
    return table


def _write(out: Path, bundle: "Bundle", command: _Command, tally: _Tally, scores: dict[str, Any]) -> None:
    """Write report.html, then scores.json: where scores.json is, the report is finished."""
    from terrazzo.report import pick_examples, render_report

    worst, best = (_examples(bundle, command, tally, picked) for picked in pick_examples(tally.counts))
    page = render_report(command.header.title, scores, command.patches.schema, worst, best)
    (out / SCORES).unlink(missing_ok=True)
    write_text(out / REPORT, page)
    write_json(out / SCORES, scores)


def _examples(bundle: "Bundle", command: _Command, tally: _Tally, picked: NDArray[np.int64]) -> list["Example"]:
    """The picked patches (positions among the split's) with their predictions, made once more."""
    from terrazzo.figures import compare
    from terrazzo.metrics import mean_iou
    from terrazzo.report import Example

    patches = command.patches
    examples = []
    for position in picked:
        row = command.rows[position]
        counts = tally.counts[position]
        predicted = _probs(bundle, patches, np.array([row])).argmax(dim=1)[0].cpu().numpy().astype(np.uint8)
        at_row, at_col = patches.corners[row].tolist()
        examples.append(
            Example(
                image=patches.image_names[patches.image_of[row]],
                row=at_row,
                col=at_col,
                accuracy=float(counts[0].sum() / counts[1].sum()),
                mean_iou=float(mean_iou(counts)),
                panels=compare(patches.images[row], patches.masks[row], predicted, patches.schema),
            )
        )
    return examples
