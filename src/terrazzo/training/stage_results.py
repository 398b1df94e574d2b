"""The stages of progressive resizing as a picture: what each cost and what it reached."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from terrazzo.recipe.stages import LegResult
from terrazzo.system.files import write_beside

_COLORS = ("#94a3b8", "#2563eb", "#0f766e", "#c2410c", "#9333ea", "#0891b2")


def plot_stages(results: Sequence[LegResult], rows: Sequence[Mapping[str, Any]], out_png: Path) -> None:
    """Write `out_png`: validation mean IoU at full size over minutes of training, a colour a stage, its best marked.

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
    axis.grid(axis="y", color="#e2e8f0")
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", fontsize=9, frameon=False)
    with write_beside(out_png) as temporary:
        figure.savefig(temporary, format="png")
