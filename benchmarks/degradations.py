"""Two models on degraded images: both curves in one picture, and what each loses.

    python -m benchmarks.degradations runs/plain/model.safetensors runs/robust/model.safetensors patches --out compared
    python -m benchmarks.degradations --rows docs/degradations.csv --out compared   # `best` and `robust_1`, measured
    python -m benchmarks.degradations --rows docs/degradations.csv --methods best robust_05

Both are scored on the same patches by `evaluate --degrade`, into OUT/a and OUT/b. Finished reports are kept,
stopped ones resumed. OUT/curves.png has a panel for each kind.

`--rows` takes the scores of two `--methods` from a table instead: means over the folds that have both, in new places.

Printed: mean IoU of clean images; the loss (clean minus degraded, in points) at JPEG quality 30 and at half the
resolution, with the ratio of both models' losses; and the IoU of each class on clean images.
"""

import argparse
import csv
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import terrazzo
from terrazzo.errors import TerrazzoError
from terrazzo.evaluation.degradation_plots import Plot, plots_of
from terrazzo.evaluation.request import Request, open_inputs

PLACES = (("jpeg", 30), ("resolution", 2))
"""Where losses are compared."""
COLORS = ("#8a94a6", "#0f766e")
METHODS = ("best", "robust_1")
"""Those of `benchmarks.new_places` that are compared unless others are named."""
Scores = Mapping[str, Any]


def loss(scores: Scores, kind: str, strength: float) -> float:
    """Clean minus degraded mean IoU, in points."""
    found = next(row for row in scores["degrade"] if (row["kind"], row["strength"]) == (kind, strength))
    return 100 * (scores["mean_iou"] - float(found["mean_iou"]))


def table(before: Scores, after: Scores) -> list[str]:
    """The comparison as lines: the first model, the second, and what lies between."""
    lines = [f"{'':34}{'A':>9}{'B':>9}{'B - A':>9}{'B / A':>9}"]
    lines.append(_line("mean IoU, clean, points", 100 * before["mean_iou"], 100 * after["mean_iou"]))
    for kind, strength in PLACES:
        one, two = loss(before, kind, strength), loss(after, kind, strength)
        ratio = f"{two / one:>9.2f}" if one > 0 else f"{'-':>9}"
        lines.append(_line(f"loss at {kind} {strength:g}, points", one, two) + ratio)
    for name, iou in before["iou"].items():
        if iou is not None and after["iou"][name] is not None:
            lines.append(_line(f"IoU of {name}, clean, points", 100 * iou, 100 * after["iou"][name]))
    return lines


def draw(before: Scores, after: Scores, names: tuple[str, str], path: Path) -> None:
    """Write both models' curves, a panel a kind."""
    from matplotlib.figure import Figure

    both = [plots_of(scores["degrade"]) for scores in (before, after)]
    figure = Figure(figsize=(15, 6.4), dpi=110, layout="constrained")
    axes = figure.subplots(2, -(-len(both[0]) // 2), sharey=True, squeeze=False).ravel()
    for axis, *pair in zip(axes, *both, strict=False):
        for plot, name, color in zip(pair, names, COLORS, strict=True):
            _curve(axis, plot, name, color)
        axis.set_title(f"{pair[0].kind}, {pair[0].unit}", loc="left", fontsize=11, fontweight="bold")
        axis.grid(axis="y", color="#e2e8f0")
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_ylim(bottom=0)
    for axis in axes[len(both[0]) :]:
        axis.set_axis_off()
    axes[0].set_ylabel("mean IoU")
    figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, ncols=2, loc="outside lower center")
    figure.savefig(path)


def scores_of(rows: Path, methods: Sequence[str], places: str = "new") -> list[Scores]:
    """The curves of methods in a table (fold, places, method, kind, strength, ...), over the folds that all have.

    Raises LookupError naming a method that has no row, or where no fold has all of them.
    """
    with rows.open(encoding="utf-8", newline="") as stream:
        found = [row for row in csv.DictReader(stream) if row["places"] == places]
    folds = [{row["fold"] for row in found if row["method"] == name} for name in methods]
    for name, own in zip(methods, folds, strict=True):
        if not own:
            raise LookupError(
                f"{name} has no row; there are {', '.join(dict.fromkeys(row['method'] for row in found))}"
            )
    if not (shared := set.intersection(*folds)):
        raise LookupError(f"no fold has rows of all of {', '.join(methods)}")
    return [_curves([row for row in found if row["method"] == name and row["fold"] in shared]) for name in methods]


def _curves(own: Sequence[Mapping[str, str]]) -> Scores:
    """Means over folds by kind and strength; the clean score is that of the first."""
    kinds = dict.fromkeys((row["kind"], row["strength"]) for row in own)
    curves = [{"kind": kind, "strength": float(strength), **_means(own, kind, strength)} for kind, strength in kinds]
    return {"degrade": curves, "mean_iou": curves[0]["mean_iou"], "iou": {}}


def _means(rows: Sequence[Mapping[str, str]], kind: str, strength: str) -> dict[str, float]:
    here = [row for row in rows if (row["kind"], row["strength"]) == (kind, strength)]
    return {name: statistics.mean(float(row[name]) for row in here) for name in ("mean_iou", "accuracy")}


def _line(name: str, one: float, two: float) -> str:
    return f"{name:34}{one:>9.2f}{two:>9.2f}{two - one:>+9.2f}"


def _curve(axis: Any, plot: Plot, name: str, color: str) -> None:
    """The curve of one model, and its clean score as a dashed line."""
    scores = [point.mean_iou for point in plot.points]
    labels = ["clean" if plot.is_clean(point) else f"{point.strength:g}" for point in plot.points]
    clean = next(point.mean_iou for point in plot.points if plot.is_clean(point))
    axis.plot(range(len(scores)), scores, marker="o", markersize=4, color=color, label=name)
    axis.axhline(clean, color=color, linewidth=0.9, linestyle="--")
    axis.set_xticks(range(len(scores)), labels)


def _progress(what: str, done: int, total: int) -> None:
    """A line at the end of each kind."""
    if done == total:
        sys.stderr.write(f"{what}: {done} patches\n")


def measured(options: argparse.Namespace) -> list[Scores]:
    """The scores of both models, evaluated into two folders of --out."""
    found = []
    for model, name in ((options.model_a, "a"), (options.model_b, "b")):
        done = terrazzo.evaluate(
            model,
            options.patches,
            split=options.split,
            out=options.out / name,
            degrade=True,
            batch_size=options.batch_size,
            device=options.device,
            precision=options.precision,
            progress=_progress,
        )
        found.append(done.scores)
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Score both models, draw the curves and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_a", type=Path, nargs="?")
    parser.add_argument("model_b", type=Path, nargs="?")
    parser.add_argument("patches", type=Path, nargs="?")
    parser.add_argument("--rows", type=Path, help="a table of scores, in place of models and patches")
    parser.add_argument(
        "--methods", nargs=2, metavar="METHOD", help=f"of the table; {' and '.join(METHODS)} if not given"
    )
    parser.add_argument("--split", default="val")
    parser.add_argument("--out", type=Path, default=Path("degradations"))
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args(words)
    needed = options.model_a if options.rows else options.patches
    if (needed is None) == (options.rows is None):
        parser.error("give two models and patches, or --rows")
    if options.rows:
        if not options.rows.is_file():
            parser.error(f"--rows {options.rows}: is not there; give a table such as docs/degradations.csv")
        names = tuple(options.methods or METHODS)
        try:
            before, after = scores_of(options.rows, names)
        except LookupError as error:
            parser.error(f"--rows {options.rows}: {error.args[0]}")
    else:
        if options.methods:
            parser.error("--methods: are those of --rows; give two models and patches without it")
        names = (str(options.model_a), str(options.model_b))
        try:
            for model in (options.model_a, options.model_b):
                open_inputs(Request(model, options.patches, options.split, 1, options.device, options.precision))
        except TerrazzoError as error:
            parser.error(str(error))
        before, after = measured(options)
    options.out.mkdir(parents=True, exist_ok=True)
    draw(before, after, (f"A: {names[0]}", f"B: {names[1]}"), options.out / "curves.png")
    print(f"A: {names[0]}\nB: {names[1]}")
    print("\n".join(table(before, after)))
    print(f"curves: {options.out / 'curves.png'}")


if __name__ == "__main__":
    main()
