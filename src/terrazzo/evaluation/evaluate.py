"""The scores of a model on one split of patches, and the folder with scores.json and report.html."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import OutputExistsError
from terrazzo.evaluation.request import Asked, check
from terrazzo.evaluation.scoring import Tally, probs_of, scores_of, take_tally
from terrazzo.system.files import Mark, refuse_existing, write_json, write_text
from terrazzo.system.options import Device, Option, Overwrite, Precision
from terrazzo.system.reporting import Progress, Say, as_html, quiet, silent

if TYPE_CHECKING:
    from terrazzo.evaluation.report import Example
    from terrazzo.model.bundle import Bundle

__all__ = ["REPORT", "SCORES", "Evaluation", "evaluate"]

SCORES, REPORT = "scores.json", "report.html"
MARK = Mark((SCORES, REPORT), ((SCORES, '"mean_iou"'), (REPORT, "terrazzo report</title>")), is_whole=False)


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
        from terrazzo.evaluation.report import summary_lines

        return summary_lines(self.scores)

    def _repr_html_(self) -> str:
        return as_html(self.lines())


def evaluate(
    model: Annotated[str | Path, Option("A model.safetensors.")],
    patches: Annotated[str | Path, Option("The folder that prepare wrote.")],
    *,
    split: Annotated[str, Option("train, val or test.")] = "val",
    out: Annotated[str | Path | None, Option("Folder for scores.json and report.html.")] = None,
    batch_size: Annotated[int, Option("Patches at a time.")] = 8,
    device: Device = "auto",
    precision: Precision = "auto",
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Evaluation:
    """Score a model on one split of patches; with `out`, write scores.json and report.html to that folder.

    A finished report of the same inputs and options is kept. Raises InputError or ModelFileError (arguments, model),
    PatchesError (patches that are damaged, empty in that split, or of other classes or bands than the model's),
    OutputExistsError (something else is at `out`; with `overwrite` the two files are replaced, others stay).
    """
    asked = check(Path(model), Path(patches), split, batch_size, device, precision)
    key = asked.key()
    out = None if out is None else Path(out)
    if out is not None:
        if not overwrite and (kept := _finished(out, key)) is not None:
            return _said(Evaluation(kept, out, True), say)
        _refuse(out, overwrite)
    from terrazzo.model.bundle import load

    bundle = load(asked.model, device, precision)
    tally = take_tally(bundle, asked, progress)
    scores = {**scores_of(asked, tally), "key": key}
    if out is not None:
        _write(out, bundle, asked, tally, scores)
    return _said(Evaluation(scores, out, False), say)


def _said(done: Evaluation, say: Say) -> Evaluation:
    from terrazzo.evaluation.report import trained_on_line

    if line := trained_on_line(done.scores):
        say(f"warning: {line}")
    return done


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
    refuse_existing(out, "a finished report", overwrite, MARK)


def _write(out: Path, bundle: "Bundle", asked: Asked, tally: Tally, scores: dict[str, Any]) -> None:
    """Write report.html, then scores.json: where scores.json is, the report is finished."""
    from terrazzo.evaluation.report import pick_examples, render_report

    worst, best = (_examples(bundle, asked, tally, picked) for picked in pick_examples(tally.counts))
    page = render_report(asked.header.title, scores, asked.patches.schema, worst, best)
    (out / SCORES).unlink(missing_ok=True)
    write_text(out / REPORT, page)
    write_json(out / SCORES, scores)


def _examples(bundle: "Bundle", asked: Asked, tally: Tally, picked: NDArray[np.int64]) -> list["Example"]:
    """The picked patches (positions among the split's) with their predictions, made once more."""
    from terrazzo.evaluation.metrics import mean_iou
    from terrazzo.evaluation.panels import compare
    from terrazzo.evaluation.report import Example

    patches = asked.patches
    examples = []
    for position in picked:
        row = asked.rows[position]
        counts = tally.counts[position]
        predicted = probs_of(bundle, patches, np.array([row])).argmax(dim=1)[0].cpu().numpy().astype(np.uint8)
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
