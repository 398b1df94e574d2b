"""The scores of a model on one split of patches, as values, scores.json and report.html."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from terrazzo.errors import InputError, OutputExistsError
from terrazzo.system.files import Mark, read_json, refuse_existing, write_json, write_text
from terrazzo.system.options import Device, Option, Overwrite, Precision, Tta, TtaScales
from terrazzo.system.reporting import Progress, Reporter, Say, as_html, quiet, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from terrazzo.evaluation.report import Example
    from terrazzo.evaluation.request import Inputs
    from terrazzo.evaluation.scoring import Outcome
    from terrazzo.model.bundle import Bundle

SCORES, REPORT = "scores.json", "report.html"
MARK = Mark((SCORES, REPORT), ((SCORES, '"mean_iou"'), (REPORT, "terrazzo report</title>")), is_whole=False)


@dataclass(frozen=True)
class Evaluation:
    """The scores of a model, and where they were written."""

    scores: dict[str, Any]
    out: Path | None
    kept: bool
    """A report of the same inputs and options was there already."""

    def lines(self) -> list[str]:
        """The scores as lines for a terminal; a leaky split is marked."""
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
    tta: Tta = "none",
    tta_scales: TtaScales = (),
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Evaluation:
    """Score a model on one split of patches, and write scores.json and report.html if wanted.

    With `tta` and `tta_scales` each patch is predicted as `predict` does a window, and the scores name them. A finished
    report of the same inputs and options is kept. Raises InputError or ModelFileError (arguments, model);
    PatchesError (patches that are damaged, empty in that split, or of other classes or bands than the model's); and
    OutputExistsError (something else is at `out`). `overwrite` replaces the two files and leaves others alone.
    """
    from terrazzo.evaluation.request import Request, open_inputs
    from terrazzo.model.averaging.views import Views, parse_scales

    if overwrite and out is None:
        raise InputError("--overwrite: is for --out FOLDER; add that, or leave --overwrite out")
    views = Views(tta, parse_scales(tta_scales))
    reporter = Reporter(progress, say)
    request = Request(Path(model), Path(patches), split, batch_size, device, precision, reporter, views)
    inputs = open_inputs(request)
    key = inputs.key()
    out = None if out is None else Path(out)
    scores = None if out is None or overwrite else _finished(out, key)
    kept = scores is not None
    if scores is None:
        if out is not None:
            _refuse(out, overwrite)
        from terrazzo.evaluation.scoring import score_patches, scores_of
        from terrazzo.model.bundle import load

        bundle = load(request.model, device, precision)
        outcome = score_patches(bundle, inputs)
        scores = {**scores_of(inputs, outcome), "key": key}
        if out is not None:
            _write(out, bundle, inputs, outcome, scores)
    from terrazzo.evaluation.report import trained_on_line

    if line := trained_on_line(scores):
        say(f"warning: {line}")
    return Evaluation(scores, out, kept)


def _finished(out: Path, key: str) -> dict[str, Any] | None:
    """The scores at `out`, if finished and of the same inputs and options."""
    scores = read_json(out / SCORES)
    return scores if scores.get("key") == key and (out / REPORT).is_file() else None


def _refuse(out: Path, overwrite: bool) -> None:
    """Raise OutputExistsError if the report cannot be written to `out`."""
    for folder in (out, *out.parents):
        if folder.is_file():
            raise OutputExistsError(f"{folder}: is a file; --out takes a folder")
    refuse_existing(out, "a finished report", overwrite, MARK)


def _write(out: Path, bundle: "Bundle", inputs: "Inputs", outcome: "Outcome", scores: dict[str, Any]) -> None:
    """Write report.html, then scores.json, whose presence means finished."""
    from terrazzo.evaluation.report import pick_examples, render_report

    worst, best = (_examples(bundle, inputs, outcome, picked) for picked in pick_examples(outcome.counts))
    page = render_report(inputs.header.title, scores, inputs.patches.schema, worst, best)
    (out / SCORES).unlink(missing_ok=True)
    write_text(out / REPORT, page)
    write_json(out / SCORES, scores)


def _examples(bundle: "Bundle", inputs: "Inputs", outcome: "Outcome", picked: "NDArray[np.int64]") -> list["Example"]:
    """The picked patches (indices into the split's), predicted again."""
    import numpy as np

    from terrazzo.evaluation.metrics import Pooled, accuracy, mean_iou
    from terrazzo.evaluation.panels import compare
    from terrazzo.evaluation.report import Example
    from terrazzo.evaluation.scoring import probs_of

    patches = inputs.patches
    examples = []
    for position in picked:
        row = inputs.rows[position]
        pooled = Pooled(outcome.counts[position])
        predicted = probs_of(bundle, inputs, np.array([row])).argmax(dim=1)[0].cpu().numpy().astype(np.uint8)
        at_row, at_col = patches.corners[row].tolist()
        examples.append(
            Example(
                image=patches.image_names[patches.image_of[row]],
                row=at_row,
                col=at_col,
                accuracy=accuracy(pooled),
                mean_iou=mean_iou(pooled),
                panels=compare(patches.picture(row), patches.masks[row], predicted, patches.schema),
            )
        )
    return examples
