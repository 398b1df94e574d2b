"""The report of an evaluation: one self-contained HTML page, and lines for a terminal.

Both depend on the values in scores.json alone; the page also shows pictures of patches. Every score of a leaky split
is marked.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.confusion import mean_ious
from terrazzo.classes.schema import ClassSchema, format_color
from terrazzo.evaluation.calibration.diagram import FRAME as RELIABILITY_FRAME
from terrazzo.evaluation.calibration.diagram import diagrams_of
from terrazzo.evaluation.calibration.reliability import ECE, ECE_UNCALIBRATED, calibration_line
from terrazzo.evaluation.degradation_plots import FRAME, degradation_lines, plots_of
from terrazzo.evaluation.metrics import BEST_BY, CLASS_METRICS, MEANS
from terrazzo.evaluation.panels import ERROR_COLOR, Panels
from terrazzo.evaluation.patchwise.boundaries import BOUNDARY, boundary_line
from terrazzo.evaluation.patchwise.worst import enough_valid, lowest
from terrazzo.model.averaging.views import NONE
from terrazzo.patches.splits.leak import BUFFER
from terrazzo.recipe.published import Comparison, published_lines
from terrazzo.system.reporting import COLUMNS, how_many, wrapped

N_BEST, N_WORST = 4, 6
ScoresJson = Mapping[str, Any]

_FEW_CLASSES = 8


@dataclass(frozen=True)
class Example:
    """One patch in the report: its place, its scores and its four panels."""

    image: str
    row: int
    col: int
    accuracy: float
    mean_iou: float
    panels: Panels


def render_report(
    title: str, scores: ScoresJson, schema: ClassSchema, worst: Sequence[Example], best: Sequence[Example]
) -> str:
    """The HTML page of an evaluation, with its pictures and styles inside; it links to nothing."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = resources.files("terrazzo.evaluation")
    loader = FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8"))
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"score": _score, "percent": _percent, "count": _count}
    classes = _class_rows(scores, schema)
    low, high = scores["mean_iou_interval"]
    plots = plots_of(scores.get("degrade", ()))
    return environment.get_template("report.html.j2").render(
        title=title,
        scores=scores,
        protocol=scores["protocol"],
        trained_on=trained_on_line(scores),
        views=views_line(scores),
        interval={"low": 100 * low, "width": 100 * (high - low), "at": 100 * scores["mean_iou"]},
        cards=_cards(scores),
        interval_scores=_interval_rows(scores),
        class_metrics=list(CLASS_METRICS.values()),
        classes=classes,
        group_classes=classes if len(classes) <= _FEW_CLASSES else [],
        confusion=_heat(np.array(scores["confusion"]), schema.names),
        reliability=diagrams_of(scores.get("calibration")),
        reliability_frame=RELIABILITY_FRAME,
        plots=plots,
        most_strengths=max((len(plot.degraded) for plot in plots), default=0),
        frame=FRAME,
        turned=len(classes) > _FEW_CLASSES,
        error_color=format_color(ERROR_COLOR),
        worst=[_with_uris(example) for example in worst],
        best=[_with_uris(example) for example in best],
    )


def summary_lines(scores: ScoresJson) -> list[str]:
    """The scores as lines of at most 100 columns: protocol, means, classes, sources, groups, published figures."""
    protocol, (low, high) = scores["protocol"], scores["mean_iou_interval"]
    mark = " [leaky split]" if protocol["leaky"] else ""
    shown = [entry for entry in MEANS.values() if entry.shown]
    means = [f"{entry.title} {scores[entry.name]:.4f}" for entry in shown if entry.source != "probabilities"]
    lines = [
        f"{how_many(scores['n_patches'], 'patch')} of split {protocol['split']} (by {protocol['split_method']}, "
        f"seed {protocol['seed']}), {how_many(scores['n_images'], 'image')}, {scores['pixels']:,} valid pixels",
        *([leak_line(protocol)] if protocol["leaky"] else []),
        *([line] if (line := views_line(scores)) else []),
        f"{'  '.join(means)}{mark}",
        f"mean IoU 95 % interval {low:.4f} to {high:.4f} over {scores['mean_iou_interval_over']}",
        f"    {scores['mean_iou_interval_note']}",
        *(
            f"{entry.title} {scores[entry.name]:.4f}, which is not mean IoU{mark}"
            for entry in shown
            if entry.source == "probabilities"
        ),
    ]
    lines += [*calibration_line(scores), *boundary_line(scores, mark)]
    sources = scores.get("sources", {})
    width = max(map(len, ("class", *scores["iou"], *scores["groups"], *sources)))
    table = [(entry.name, max(6, len(entry.title))) for entry in CLASS_METRICS.values()]
    heads = (f"{CLASS_METRICS[name].title:>{column}}" for name, column in table)
    lines.append("  ".join((f"{'class':{width}}", *heads)))
    for name in scores["iou"]:
        cells = (f"{_score(scores[key][name]):>{column}}" for key, column in table)
        lines.append("  ".join((f"{name:{width}}", *cells)))
    if scores["absent"]:
        lines.append(f"absent from truth and prediction, outside the means: {', '.join(scores['absent'])}")
    for noun, table_of in (("source", sources), ("group", scores["groups"])):
        if table_of:
            lines.append(f"{noun:{width}}  accuracy  mean IoU{mark}")
        for name, each in table_of.items():
            lines.append(f"{name:{width}}  {_score(each['accuracy']):>8}  {_score(each['mean_iou']):>8}")
    lines += degradation_lines(scores.get("degrade", ()))
    compared = [Comparison(**each) for each in scores["published"]]
    return [
        *(part for line in lines for part in (wrapped(line, further="    ") if len(line) > COLUMNS else [line])),
        *published_lines(compared, scores["published_source"], scores["published_protocol"], mark),
    ]


def views_line(scores: ScoresJson) -> str:
    """One line on the views of each patch whose probabilities were averaged; empty if it was seen as it is."""
    words = [] if scores.get("tta", NONE) == NONE else [f"--tta {scores['tta']}"]
    if scales := scores.get("tta_scales"):
        words.append(f"--tta-scales {','.join(f'{scale:g}' for scale in scales)}")
    return f"each patch predicted with {' '.join(words)}" if words else ""


def leak_line(protocol: Mapping[str, Any]) -> str:
    """One line on what leaks in a leaky split."""
    group, image = protocol["leak"]["group"], protocol["leak"]["image"]
    return (
        f"LEAKY split: {group:.0%} of the scored pixels share a group with training ({image:.0%} an image); "
        "these scores are optimistic"
    )


def trained_on_line(scores: ScoresJson) -> str:
    """One line on how many scored images the model was trained on; empty if none."""
    found = scores["trained_on"]
    if not found["images"]:
        return ""
    start = (
        f"the model was trained on {found['images']} of the {scores['n_images']} scored images ({found['share']:.0%})"
    )
    apart_px = scores["protocol"]["leak"].get(BUFFER)
    if found["other_patches"] and apart_px:
        return f"{start}, on patches at least {apart_px:.0f} px away; these scores say nothing about other places"
    which = "on other patches" if found["other_patches"] else "the same pictures"
    return f"{start}, {which}; these scores are optimistic"


def pick_examples(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The patches to show, from counts (N, 3, K): the worst by accuracy, worst first; the best by mean IoU, best first.

    Patches with less than a quarter of the highest number of valid pixels are left out. The best have two classes or
    more in the truth, if any do: a patch that is all lake says little. No patch is in both.
    """
    eligible = enough_valid(counts)
    worst = lowest(counts, min(N_WORST, -(-len(eligible) // 2)))
    others = np.setdiff1d(eligible, worst)
    mixed = others[(counts[others, 1] > 0).sum(axis=1) >= 2]
    candidates = mixed if len(mixed) else others
    best = candidates[np.argsort(-mean_ious(counts[candidates]), kind="stable")[:N_BEST]]
    return worst, best


def _cards(scores: ScoresJson) -> list[dict[str, Any]]:
    """The metrics besides mean IoU; those where lower is better come last."""
    shown = [entry for entry in MEANS.values() if entry.shown and entry is not BEST_BY]
    return [
        {"metric": entry, "value": scores[entry.name], "wide": entry.source == "probabilities"}
        for entry in sorted(shown, key=lambda entry: not entry.higher_is_better)
    ]


def _interval_rows(scores: ScoresJson) -> list[tuple[str, float | None, Sequence[float] | None]]:
    """The shown scores of the whole split: title, value and interval; None where there is none."""
    rows = [(entry.name, entry.title, scores[entry.name]) for entry in MEANS.values() if entry.shown]
    rows.append((BOUNDARY, "boundary IoU", scores.get(BOUNDARY)))
    found = scores.get("calibration", {})
    titles = {ECE: "calibration error", ECE_UNCALIBRATED: "calibration error at temperature 1"}
    names = () if not found else (ECE,) if found["temperature"] == 1 else (ECE, ECE_UNCALIBRATED)
    rows += [(name, titles[name], found[name]) for name in names]
    return [(title, value, scores.get("intervals", {}).get(name)) for name, title, value in rows]


def _class_rows(scores: ScoresJson, schema: ClassSchema) -> list[dict[str, Any]]:
    confusion = np.array(scores["confusion"], np.float64)
    truth, predicted = (confusion.sum(axis=axis) / confusion.sum() for axis in (1, 0))
    longest = max(truth.max(), predicted.max())
    return [
        {
            "name": name,
            "color": format_color(schema.colors[i]),
            "scores": {key: scores[key][name] for key in CLASS_METRICS},
            "truth_share": truth[i],
            "predicted_share": predicted[i],
            "truth_width": round(100 * truth[i] / longest, 2),
            "predicted_width": round(100 * predicted[i] / longest, 2),
        }
        for i, name in enumerate(schema.names)
    ]


def _heat(confusion: NDArray[np.int64], names: Sequence[str]) -> list[list[dict[str, Any]]]:
    """The cells of the row-normalized matrix: percentage, tooltip with the count, shade (0..1), style classes."""
    rows = []
    for i, counts in enumerate(confusion):
        total = int(counts.sum())
        row = []
        for j, count in enumerate(counts):
            share = float(count / total) if total else 0.0
            styles = [("diagonal", i == j), ("strong", share > 0.75), ("none", count == 0)]
            text = "–" if not total else "·" if not count else "<1" if share < 0.005 else f"{100 * share:.0f}"
            row.append(
                {
                    # A power below 1, so that a confusion of a few percent is visible.
                    "shade": round(share if i == j else share**0.6, 4),
                    "text": text,
                    "style": " ".join(style for style, on in styles if on),
                    "tooltip": f"{names[i]} called {names[j]}: {_count(count)} of {_count(total)} pixels",
                }
            )
        rows.append(row)
    return rows


def _with_uris(example: Example) -> dict[str, Any]:
    panels = [
        {"name": name, "uri": f"data:{kind};base64,{base64.b64encode(raw).decode()}"}
        for name, kind, raw in (
            ("image", "image/jpeg", example.panels.image),
            ("truth", "image/png", example.panels.truth),
            ("prediction", "image/png", example.panels.prediction),
            ("errors", "image/jpeg", example.panels.errors),
        )
    ]
    return {**vars(example), "panels": panels}


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(share: float) -> str:
    """`0.1234` as `12.3 %`. Only 0 reads as 0, and only 1 as 100."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")
