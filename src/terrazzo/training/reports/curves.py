"""The curves of a training run as one PNG: loss, scores and learning rate by epoch.

Drawn with matplotlib's Figure alone, so that calls share no state and need no window system.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.evaluation.metrics import BEST_BY, EPOCH_METRICS
from terrazzo.system.files import write_beside

Rows = Sequence[Mapping[str, Any]]

LR_TITLE = "Learning rate, mean of each epoch"
"""The mean, because onecycle ends at a rate of nearly 0, which says nothing about the last epoch."""

_SIDES = (("train", "training", "#8a94a6"), ("val", "validation", "#c2410c"))
_BEST_COLOR, _LR_COLOR, _STAGE_COLOR = "#0f766e", "#64748b", "#94a3b8"
_DOTS = (0, (2, 3))
_MARKED_UP_TO = 25  # epochs; more markers hide the line


def plot_curves(rows: Rows, out_png: Path, leaky: bool = False) -> None:
    """Write `out_png`: a panel for each metric of validation and one for the learning rate, by epoch.

    Training and validation share a panel. The best epoch, by validation mean IoU, is marked in all panels, and so is
    the start of each stage. Rows are those of metrics.csv, values as numbers or text; empty, missing and non-finite
    ones leave a gap. A note says if the split is `leaky`. Raises InputError where there is no row.
    """
    from matplotlib.figure import Figure

    if not rows:
        raise InputError(f"{out_png}: no epoch to draw; the metrics have no row yet")
    n_rows = -(-(len(EPOCH_METRICS) + 2) // 3)
    figure = Figure(figsize=(12.5, 3.3 * n_rows), dpi=110, layout="constrained")
    axes = figure.subplots(n_rows, 3).ravel()
    epochs = column(rows, "epoch")
    best = best_row(rows)
    for axis, metric in zip(axes, EPOCH_METRICS, strict=False):
        _draw_sides(axis, epochs, rows, metric.name, best)
    rate, legend, *spare = axes[len(EPOCH_METRICS) :]
    rate.plot(epochs, column(rows, "lr"), color=_LR_COLOR, linewidth=1.8, **_markers(rows))
    stages = _stages(rows)
    titles = (*(metric.title[0].upper() + metric.title[1:] for metric in EPOCH_METRICS), LR_TITLE)
    for axis, title in zip(axes, titles, strict=False):
        _dress(axis, title, above=18 if stages else 6)
        for at, size in stages:
            _mark_stage(axis, epochs[at] - 0.5, size)
        if best is not None:
            axis.axvline(epochs[best], color=_BEST_COLOR, linewidth=1, linestyle=_DOTS, zorder=0)
    for axis, metric in zip(axes, EPOCH_METRICS, strict=False):
        if metric.source == "loss":
            axis.set_ylim(min(0.0, axis.get_ylim()[0]), axis.get_ylim()[1] * 1.03)
        else:
            axis.set_ylim(0, 1)
    rate.set_ylim(bottom=0)
    rate.yaxis.set_major_formatter("{x:.2g}")
    _write_summary(legend, rows, best, leaky)
    for axis in spare:
        axis.set_axis_off()
    save(figure, out_png)


def save(figure: Any, out_png: Path) -> None:
    """Write a figure, with grid lines and without the upper and right edges of its panels."""
    for axis in figure.axes:
        axis.grid(axis="y", color="#e2e8f0")
        axis.spines[["top", "right"]].set_visible(False)
    with write_beside(out_png) as temporary:
        figure.savefig(temporary, format="png")


def best_row(rows: Rows) -> int | None:
    """The index of the row with the best validation mean IoU; None where no row has one."""
    scores = column(rows, f"val_{BEST_BY.name}")
    scores = scores if BEST_BY.higher_is_better else -scores
    return int(np.nanargmax(scores)) if np.isfinite(scores).any() else None


def column(rows: Rows, key: str) -> NDArray[np.float64]:
    """The values of a column; NaN where empty, missing or not finite."""
    numbers = [float(row[key]) if row.get(key) not in (None, "") else math.nan for row in rows]
    values = np.array(numbers, np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def summary(rows: Rows, best: int | None) -> list[tuple[str, str]]:
    """Names and values of the best epoch's validation metrics."""
    if best is None:
        return [("epochs", f"{len(rows)}")]
    lines = [("best epoch", f"{column(rows, 'epoch')[best]:g} of {len(rows)}")]
    lines += [(metric.title, f"{column(rows, f'val_{metric.name}')[best]:.4f}") for metric in EPOCH_METRICS]
    return [(name, value) for name, value in lines if value != "nan"]


def _draw_sides(axis: Any, epochs: NDArray[np.float64], rows: Rows, key: str, best: int | None) -> None:
    for side, label, color in _SIDES:
        values = column(rows, f"{side}_{key}")
        if not np.isfinite(values).any():
            continue
        axis.plot(epochs, values, color=color, label=label, linewidth=1.8, **_markers(rows))
        if side == "val" and best is not None:
            axis.plot(epochs[best], values[best], "o", color=_BEST_COLOR, markersize=8)


def _dress(axis: Any, title: str, above: int) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=above)
    axis.set_xlabel("epoch")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _stages(rows: Rows) -> list[tuple[int, str]]:
    """The row at which each stage starts, and its patch size; empty if there is only one stage."""
    stages = column(rows, "stage")
    starts = [at for at in range(len(rows)) if at == 0 or stages[at] != stages[at - 1]]
    many = bool(np.isfinite(stages).all()) and len(starts) > 1
    return [(at, f"{float(rows[at].get('size') or 0):.0f} px") for at in starts] if many else []


def _mark_stage(axis: Any, epoch: float, size: str) -> None:
    axis.axvline(epoch, color=_STAGE_COLOR, linewidth=0.8, zorder=0)
    axis.annotate(f" {size}", (epoch, 1.01), xycoords=("data", "axes fraction"), color=_STAGE_COLOR, fontsize=8)


def _write_summary(axis: Any, rows: Rows, best: int | None, leaky: bool) -> None:
    """The legend, and the scores of the best epoch."""
    from matplotlib.lines import Line2D

    axis.set_axis_off()
    handles = [
        Line2D([], [], color=color, label=label, linewidth=1.8)
        for side, label, color in _SIDES
        if any(np.isfinite(column(rows, f"{side}_{metric.name}")).any() for metric in EPOCH_METRICS)
    ]
    if best is not None:
        dotted: dict[str, Any] = {"linestyle": _DOTS, "marker": "o", "markersize": 7}
        handles.append(Line2D([], [], color=_BEST_COLOR, label="best epoch, by validation mean IoU", **dotted))
    axis.legend(handles=handles, loc="upper left", frameon=False, fontsize=10, bbox_to_anchor=(0, 1))
    for number, (name, value) in enumerate(summary(rows, best)):
        axis.text(0.04, 0.52 - 0.11 * number, name, color="#64748b", fontsize=11, transform=axis.transAxes)
        axis.text(0.42, 0.52 - 0.11 * number, value, fontsize=11, transform=axis.transAxes)
    if leaky:
        axis.text(0.04, -0.06, "leaky split: optimistic scores", color="#b91c1c", fontsize=11, transform=axis.transAxes)


def _markers(rows: Rows) -> dict[str, Any]:
    return {"marker": "o", "markersize": 3.5} if len(rows) <= _MARKED_UP_TO else {}
