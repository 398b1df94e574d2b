"""The curve of a table of corrections: mean IoU over the folds against boxes, and the same as lines."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.boxes.rows import RANDOM, START, SUGGEST, Row
from terrazzo.system.files import write_beside

COLORS = {SUGGEST: "#0f766e", RANDOM: "#8a94a6"}


def curve(rows: Sequence[Row], arm: str) -> dict[int, list[float]]:
    """By number of boxes, the mean IoU of each draw, averaged over the folds, without `--keep`; 0 boxes is the start.

    A draw that lacks a fold is left out.
    """
    folds = {row.fold for row in rows}
    found: dict[int, list[float]] = {}
    for name in (START, arm):
        own = [row for row in rows if row.arm == name and row.keep == "no"]
        for boxes, draw in dict.fromkeys((row.boxes, row.draw) for row in own):
            scores = {row.fold: row.mean_iou_5 for row in own if (row.boxes, row.draw) == (boxes, draw)}
            if scores.keys() == folds:
                found.setdefault(boxes, []).append(statistics.mean(scores.values()))
    return dict(sorted(found.items()))


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write the curve as a picture: suggested boxes, and random ones with the range of their draws."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    for arm, color in COLORS.items():
        points = curve(rows, arm)
        means = [statistics.mean(draws) for draws in points.values()]
        axes.plot(list(points), means, "o-", color=color, label=f"boxes by {arm}" if arm == SUGGEST else "random boxes")
        if arm == RANDOM:
            lows, highs = [min(draws) for draws in points.values()], [max(draws) for draws in points.values()]
            axes.fill_between(list(points), lows, highs, color=color, alpha=0.25, linewidth=0)
    axes.set_xlabel("labelled boxes of 128 px")
    axes.set_ylabel("mean IoU of 5 classes")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower right")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    with write_beside(path) as temporary:
        figure.savefig(temporary, dpi=140)
    pyplot.close(figure)


def table(rows: Sequence[Row]) -> str:
    """The same as a Markdown table, with the share of the tiles, minutes, and what was forgotten."""
    lines = [
        "| boxes | chosen | `--keep` | mean IoU of 5 | old places | share of the tiles | minutes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    kinds = dict.fromkeys((row.boxes, row.arm, row.keep) for row in sorted(rows, key=lambda row: row.boxes))
    for boxes, arm, keep in kinds:
        own = [row for row in rows if (row.boxes, row.arm, row.keep) == (boxes, arm, keep)]
        shares = [row.share for row in own]
        lines.append(
            f"| {boxes} | {arm} | {keep} | {statistics.mean(row.mean_iou_5 for row in own):.3f} "
            f"| {statistics.mean(row.old_mean_iou_5 for row in own):.3f} | {min(shares):.1%} to {max(shares):.1%} "
            f"| {statistics.mean(row.minutes for row in own):.1f} |"
        )
    return "\n".join(lines)
