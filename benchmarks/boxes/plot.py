"""The curve of a table of corrections: mean IoU over the folds against boxes, and the same as lines."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.boxes.rows import ALL, RANDOM, START, SUGGEST, Row
from terrazzo.system.files import write_beside

COLORS = {SUGGEST: "#0f766e", RANDOM: "#8a94a6"}
WORDS = {SUGGEST: "boxes by suggest", RANDOM: "random boxes"}


def by_device(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each device, the most measured one first. Start models differ between devices, so rows do too."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.device, []).append(row)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def whole_draws(rows: Sequence[Row]) -> dict[tuple[str, int, str], list[list[Row]]]:
    """By (arm, boxes, keep), the rows of each draw that has every fold.

    A draw that lacks a fold is left out: folds differ by more than arms do.
    """
    folds = {row.fold for row in rows}
    draws: dict[tuple[str, int, str, int], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.boxes, row.arm, row.keep, row.draw)):
        draws.setdefault((row.arm, row.boxes, row.keep, row.draw), []).append(row)
    found: dict[tuple[str, int, str], list[list[Row]]] = {}
    for (arm, boxes, keep, _), own in draws.items():
        if {row.fold for row in own} == folds:
            found.setdefault((arm, boxes, keep), []).append(own)
    return found


def curve(rows: Sequence[Row], arm: str) -> dict[int, list[float]]:
    """By number of boxes (0 is the start), the mean IoU of each whole draw over the folds, without `--keep`."""
    return {
        boxes: [statistics.mean(row.mean_iou_5 for row in own) for own in draws]
        for (name, boxes, keep), draws in whole_draws(rows).items()
        if name in (START, arm) and keep == "no"
    }


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write the curve as a picture: suggested boxes, and random ones with the range of their draws.

    Each is of the device that has most of its rows, which the picture names.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    for arm, color in COLORS.items():
        device = next(iter(by_device([row for row in rows if row.arm == arm])))
        points = curve([row for row in rows if row.device == device and row.arm in (START, arm)], arm)
        means = [statistics.mean(draws) for draws in points.values()]
        axes.plot(list(points), means, "o-", color=color, label=f"{WORDS[arm]} ({device})")
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
    """A Markdown table for each device, with the share of the tiles, median minutes, and what was forgotten."""
    return "\n\n".join(f"**{device}**\n\n{_table(own)}" for device, own in by_device(rows).items())


def _table(rows: Sequence[Row]) -> str:
    lines = [
        "| boxes | chosen | `--keep` | draws | mean IoU of 5 | old places | share of the tiles | minutes |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (arm, boxes, keep), draws in whole_draws(rows).items():
        own = [row for each in draws for row in each]
        shares = [row.share for row in own]
        lines.append(
            f"| {ALL if arm == ALL else boxes} | {arm} | {keep} | {len(draws)} "
            f"| {statistics.mean(row.mean_iou_5 for row in own):.3f} "
            f"| {statistics.mean(row.old_mean_iou_5 for row in own):.3f} | {min(shares):.1%} to {max(shares):.1%} "
            f"| {statistics.median(row.minutes for row in own):.1f} |"
        )
    return "\n".join(lines)
