"""The cost and the scores of each stage of progressive resizing: a table, stages.csv and stages.png."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import accumulate
from pathlib import Path
from typing import Any

from terrazzo.recipe.stages import Leg
from terrazzo.system.files import csv_text, write_text
from terrazzo.training.reports.curves import save
from terrazzo.training.run_folder import STAGE_CURVES, STAGES, Run


@dataclass(frozen=True)
class LegResult:
    """The cost and the scores of one leg. Scores are those of validation at full size."""

    stage: int
    size: int
    epochs: int
    lr: float
    minutes: float
    """Without validation."""
    images_per_s: float
    val_accuracy: float
    """Of the leg's best epoch by mean IoU, as is `val_mean_iou`."""
    val_mean_iou: float
    best_epoch: int


def compare_legs(plan: Sequence[Leg], rows: Sequence[Mapping[str, Any]]) -> list[LegResult]:
    """The legs that finished an epoch, from the rows of metrics.csv."""
    results = []
    for leg in plan:
        own = [row for row in rows if int(row["epoch"]) - 1 in leg]
        if not own:
            continue
        best = max(own, key=lambda row: float(row["val_mean_iou"]))
        seconds = sum(float(row["seconds"]) for row in own)
        seen = sum(float(row["images_per_s"]) * float(row["seconds"]) for row in own)
        results.append(
            LegResult(
                stage=leg.number,
                size=leg.size,
                epochs=len(own),
                lr=leg.lr,
                minutes=round(seconds / 60, 2),
                images_per_s=round(seen / seconds, 2) if seconds else 0.0,
                val_accuracy=float(best["val_accuracy"]),
                val_mean_iou=float(best["val_mean_iou"]),
                best_epoch=int(best["epoch"]),
            )
        )
    return results


def stage_table(results: Sequence[LegResult]) -> list[str]:
    """The legs as a table in text."""
    heads = ("stage", "size", "epochs", "lr", "minutes", "images/s", "accuracy", "mean IoU")
    cells = [heads] + [
        (
            str(leg.stage), str(leg.size), str(leg.epochs), f"{leg.lr:.1e}", f"{leg.minutes:.1f}",
            f"{leg.images_per_s:.1f}", f"{leg.val_accuracy:.4f}", f"{leg.val_mean_iou:.4f}",
        )
        for leg in results
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    return ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in cells]


def report_stages(plan: Sequence[Leg], rows: Sequence[Mapping[str, Any]], run: Run) -> None:
    """Report the stages and write stages.csv and stages.png, from the rows of metrics.csv."""
    results = compare_legs(plan, rows)
    for line in stage_table(results):
        run.reporter.say(line)
    write_text(run.folder / STAGES, csv_text([field.name for field in fields(LegResult)], map(astuple, results)))
    plot_stages(results, rows, run.folder / STAGE_CURVES)


_COLORS = ("#94a3b8", "#2563eb", "#0f766e", "#c2410c", "#9333ea", "#0891b2")


def plot_stages(results: Sequence[LegResult], rows: Sequence[Mapping[str, Any]], out_png: Path) -> None:
    """Write `out_png`: validation mean IoU over minutes of training, in a colour per stage, its best epoch marked.

    `rows` are those of metrics.csv.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.4), dpi=110, layout="constrained")
    axis = figure.subplots()
    minutes = list(accumulate(float(row["seconds"]) / 60 for row in rows))
    scores = [float(row["val_mean_iou"]) for row in rows]
    axis.plot(minutes, scores, color="#cbd5e1", linewidth=1.2, zorder=1)
    for number, leg in enumerate(results):
        own = [at for at, row in enumerate(rows) if int(row["stage"]) == leg.stage]
        color = _COLORS[number % len(_COLORS)]
        label = f"stage {leg.stage}: {leg.size} px, {leg.minutes * 60:.0f} s, best {leg.val_mean_iou:.3f}"
        axis.plot([minutes[at] for at in own], [scores[at] for at in own], "o-", color=color, label=label, zorder=2)
        best = max(own, key=scores.__getitem__)
        axis.plot(minutes[best], scores[best], "o", markersize=11, markerfacecolor="none", color=color, zorder=3)
    axis.set_xlabel("minutes of training")
    axis.set_ylabel("validation mean IoU, full size")
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", fontsize=9, frameon=False)
    save(figure, out_png)
