"""The scores of a model on one split of patches, or of a map: as values, tables and report.html."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from terrazzo.errors import InputError
from terrazzo.evaluation.patchwise.width import BOUNDARY_PX
from terrazzo.evaluation.report_folder import DEGRADE, ReportFolder
from terrazzo.system.extras import need_training
from terrazzo.system.options import Device, Option, Overwrite, Precision, Runtime, Tta, TtaScales, options_of
from terrazzo.system.reporting import Progress, Reporter, Say, as_html, quiet, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from terrazzo.evaluation.degradations import Degradation
    from terrazzo.evaluation.map_accuracy.accuracy import MapAccuracy
    from terrazzo.evaluation.patchwise.scored_model import ScoredModel
    from terrazzo.evaluation.report import Example
    from terrazzo.evaluation.request import Inputs
    from terrazzo.evaluation.scoring import Outcome

MAPS = "Maps"
VALIDATION = "val"
"""The split that is scored if none is given."""
FOR_MAPS = ("model", "truth", "design", "out", "overwrite")
"""The parameters with an effect on a map's accuracy."""


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
    model: Annotated[str | Path, Option("A model.safetensors, .onnx or .xml; with --truth a finished map.")],
    patches: Annotated[str | Path | None, Option("The folder that prepare wrote; none with --truth.")] = None,
    *,
    split: Annotated[str | None, Option("train, val or test; val if not given.")] = None,
    out: Annotated[str | Path | None, Option("Folder for scores.json and report.html.")] = None,
    degrade: Annotated[bool, Option("Also score degraded images: degrade.csv, and curves in the report.")] = False,
    boundary_px: Annotated[
        int, Option("Pixels from an edge between classes that boundary IoU looks at.")
    ] = BOUNDARY_PX,
    batch_size: Annotated[int, Option("Patches at a time.")] = 8,
    device: Device = "auto",
    precision: Precision = "auto",
    runtime: Runtime = "auto",
    devices: Annotated[int, Option("GPUs of this machine that share the patches.")] = 1,
    tta: Tta = "none",
    tta_scales: TtaScales = (),
    truth: Annotated[str | Path | None, Option("Labelled points by sample, other points, or polygons.", MAPS)] = None,
    design: Annotated[str | None, Option("simple: points of other origin are a simple random sample.", MAPS)] = None,
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> "Evaluation | MapAccuracy":
    """Score a model on one split of patches, or with `truth` a finished map on labelled points.

    With `tta` and `tta_scales` each patch is predicted as `predict` does a window, and the scores name them. With
    `degrade` it is scored again at each strength of each degradation, which takes about 30 times as long. The same call
    resumes a stopped one. A finished report of the same inputs and options is kept; one without degraded images is
    completed.

    Raises InputError or ModelFileError (arguments, model); PatchesError (patches that are damaged, empty in that split,
    or of other classes or bands than the model's); and OutputExistsError (something else is at `out`). `overwrite`
    replaces the files of a report and leaves others alone.

    With `truth`, `model` is a map: a folder that `predict` wrote, or a classes.tif. Points that `sample` drew give
    accuracy, user's and producer's accuracy and adjusted areas, with 95 % intervals (Olofsson et al. 2014); so do
    others with `design`. Other points and polygons give accuracy alone. `out` gets scores.json, areas_adjusted.csv and
    the error matrix.
    """
    if truth is not None or patches is None:
        return _of_map(locals())
    need_training("scoring a model on patches")
    from terrazzo.evaluation.request import Request, open_inputs, with_runtime
    from terrazzo.model.averaging.views import Views, parse_scales

    for flag, given in (("--overwrite", overwrite), ("--degrade", degrade)):
        if given and out is None:
            raise InputError(f"{flag}: is for --out FOLDER; add that, or leave {flag} out")
    if design is not None:
        raise InputError(f"--design {design}: is for --truth, which scores a map; leave it out")
    views = Views(tta, parse_scales(tta_scales))
    reporter = Reporter(progress, say)
    how = (batch_size, device, precision, reporter, views, boundary_px, runtime, devices)
    request = Request(Path(model), Path(patches), split or VALIDATION, *how)
    inputs = with_runtime(open_inputs(request))
    if devices != 1:
        from terrazzo.evaluation.patchwise.scored_model import check_devices

        check_devices(inputs)
    key = inputs.key()
    folder = None if out is None else ReportFolder(Path(out), key)
    kinds = _kinds(inputs) if degrade else ()
    scores = None if folder is None or overwrite else _finished(folder, kinds)
    kept = scores is not None
    if scores is None:
        if folder is not None:
            folder.refuse(overwrite)
        from terrazzo.evaluation.patchwise.scored_model import open_scored
        from terrazzo.evaluation.scoring import score_patches, scores_of

        bundle = open_scored(inputs.request)
        outcome = score_patches(bundle, inputs)
        scores = {**scores_of(inputs, outcome), "key": key}
        if folder is not None:
            if degrade:
                from terrazzo.evaluation.degrade import degraded_rows

                scores["degrade"] = degraded_rows(bundle, inputs, scores, kinds, folder)
            folder.write(scores, _page(bundle, inputs, outcome, scores))
    from terrazzo.evaluation.report import trained_on_line

    if line := trained_on_line(scores):
        say(f"warning: {line}")
    return Evaluation(scores, None if folder is None else folder.path, kept)


def _of_map(given: dict[str, Any]) -> "MapAccuracy":
    """The accuracy of a map. Raises InputError at options that are for models."""
    if given["truth"] is None:
        raise InputError(f"{given['model']}: give the patches to score a model on, or --truth to score a map")
    if given["patches"] is not None:
        raise InputError(f"{given['patches']}: --truth scores a map, which needs no patches; leave one of them out")
    for name, (parameter, option) in options_of(evaluate).items():
        if name not in FOR_MAPS and given[name] != parameter.default:
            raise InputError(f"{option.flag(name)}: is for a model on patches, --truth scores a map; leave it out")
    from terrazzo.evaluation.map_accuracy.accuracy import MapRequest, score_map

    out = None if given["out"] is None else Path(given["out"])
    if given["overwrite"] and out is None:
        raise InputError("--overwrite: is for --out FOLDER; add that, or leave --overwrite out")
    request = MapRequest(Path(given["model"]), Path(given["truth"]), given["design"], out, given["overwrite"])
    return score_map(request, Reporter(given["progress"], given["say"]))


def _kinds(inputs: "Inputs") -> "tuple[Degradation, ...]":
    """The degradations that the patches can have. Raises PatchesError where there is none."""
    from terrazzo.evaluation.degrade import kinds_for

    return kinds_for(inputs.patches)


def _finished(folder: ReportFolder, kinds: "tuple[Degradation, ...]") -> dict[str, Any] | None:
    """The scores in the folder, if finished, of the same inputs and options, and with all strengths of the kinds."""
    scores = folder.finished()
    if scores is None or not kinds:
        return scores
    from terrazzo.evaluation.degrade import is_complete

    there = (folder.path / DEGRADE).is_file() and is_complete(scores.get("degrade", ()), kinds)
    return scores if there else None


def _page(bundle: "ScoredModel", inputs: "Inputs", outcome: "Outcome", scores: dict[str, Any]) -> str:
    """The HTML page, with the pictures of the best and the worst patches."""
    from terrazzo.evaluation.report import pick_examples, render_report

    worst, best = (_examples(bundle, inputs, outcome, picked) for picked in pick_examples(outcome.counts))
    return render_report(inputs.header.title, scores, inputs.patches.schema, worst, best)


def _examples(
    bundle: "ScoredModel", inputs: "Inputs", outcome: "Outcome", picked: "NDArray[np.int64]"
) -> list["Example"]:
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
        probs = probs_of(bundle, patches, np.array([row]), inputs.request.views)
        predicted = probs.argmax(dim=1)[0].cpu().numpy().astype(np.uint8)
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
