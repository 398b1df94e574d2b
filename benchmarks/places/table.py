"""The table of the rows: means over folds and seeds, and what differs from `best` by more than its seeds do."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.places.methods import BASE
from benchmarks.places.rows import LEAKY, NAMED, UNNAMED
from terrazzo.system.files import write_text

BEGIN, END = "<!-- the table of experiments.csv -->", "<!-- end of the table -->"
SCORE = "mean_iou_5"

Records = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Group:
    """The rows that are compared: of one protocol, one schedule and one device."""

    protocol: str
    schedule: str
    device: str
    rows: Records

    @property
    def methods(self) -> list[str]:
        """The methods: `best` first, then those of the highest mean IoU; last those that lack a fold."""
        names = dict.fromkeys(row["method"] for row in self.rows)
        column = SCORE if self.protocol != LEAKY else "mean_iou"

        def place(name: str) -> tuple[bool, bool, float]:
            whole = self.complete(name)
            return name != BASE, not whole, -_mean(whole or self.of(name), column)

        return sorted(names, key=place)

    def of(self, method: str) -> Records:
        """The rows of a method."""
        return [row for row in self.rows if row["method"] == method]

    @property
    def folds(self) -> set[str]:
        """The folds that a mean is over: those of `best`; of all rows where it has none."""
        return {row["fold"] for row in self.of(BASE) or self.rows}

    def complete(self, method: str) -> Records:
        """The rows of a method's seeds that have every fold."""
        rows = [row for row in self.of(method) if row["fold"] in self.folds]
        by_seed: dict[str, set[str]] = {}
        for row in rows:
            by_seed.setdefault(row["seed"], set()).add(row["fold"])
        return [row for row in rows if by_seed[row["seed"]] == self.folds]

    def seed_means(self, method: str) -> dict[str, float]:
        """The mean IoU over the folds of each complete seed."""
        rows = self.complete(method)
        seeds = dict.fromkeys(row["seed"] for row in rows)
        return {seed: _mean(rows, SCORE, seed) for seed in seeds}

    @property
    def spread(self) -> float | None:
        """The sample standard deviation of the seeds' means of `best`; None with fewer than two seeds."""
        means = [*self.seed_means(BASE).values()]
        return statistics.stdev(means) if len(means) > 1 else None

    def difference(self, method: str) -> float | None:
        """A method's mean less that of `best`, over the complete seeds of each; None where one has none."""
        own, best = self.seed_means(method), self.seed_means(BASE)
        return statistics.fmean(own.values()) - statistics.fmean(best.values()) if own and best else None


def groups_of(rows: Records) -> list[Group]:
    """The rows by protocol, schedule and device, in the order of their first rows."""
    found: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        found.setdefault((row["protocol"], row["schedule"], row["device"]), []).append(row)
    return [Group(*key, own) for key, own in found.items()]


def table(rows: Records) -> str:
    """The tables of all groups in Markdown, each under a line that says what is compared."""
    tables = (_leaky(group) if group.protocol == LEAKY else _places(group) for group in groups_of(rows))
    return "\n\n".join(tables) or "No rows yet."


def write_page(page: Path, rows: Records) -> None:
    """Put the table between the marks of a page."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    write_text(page, f"{before}{BEGIN}\n\n{table(rows)}\n\n{END}{rest.split(END)[1]}")


def verdict(difference: float | None, spread: float | None) -> str:
    """A difference in points; `none` where it is below twice the spread; blank where there is none to state."""
    if difference is None:
        return ""
    if spread is not None and abs(difference) < 2 * spread:
        return "none"
    return f"{100 * difference:+.1f}"


def _places(group: Group) -> str:
    named = [name for name in NAMED if name != UNNAMED]
    head = [
        "method",
        "what it is",
        "seeds x folds",
        "accuracy",
        "mean IoU of 5",
        "difference",
        *named,
        "minutes",
        "kept",
    ]
    lines = []
    for method in group.methods:
        rows = group.complete(method)
        seeds = len({row["seed"] for row in rows})
        shown = rows or group.of(method)
        folds = " and ".join(dict.fromkeys(row["fold"] for row in shown))
        counted = f"{seeds} x {len(group.folds)}" if group.of(BASE) else f"{seeds} x ({folds})"
        there = counted if rows else f"{folds} alone"
        lines.append(
            [
                f"`{method}`",
                shown[0]["words"],
                there,
                _share(shown, "accuracy"),
                _share(shown, SCORE),
                "" if method == BASE else verdict(group.difference(method), group.spread),
                *(_share(shown, f"iou_{name}") for name in named),
                f"{_mean(shown, 'minutes'):.1f}",
                next((row["kept"] for row in reversed(shown) if row["kept"]), ""),
            ]
        )
    return f"{_title(group)} {_about_spread(group)}\n\n{_markdown(head, lines)}"


def _leaky(group: Group) -> str:
    head = ["method", "what it is", "seeds", "accuracy", "`jaccard_soft_micro`", "mean IoU", "minutes"]
    lines = []
    for method in group.methods:
        rows = group.of(method)
        shares = [_share(rows, name) for name in ("accuracy", "jaccard_soft_micro", "mean_iou")]
        minutes = f"{_mean(rows, 'minutes'):.1f}"
        lines.append([f"`{method}`", rows[0]["words"], str(len(rows)), *shares, minutes])
    return f"{_title(group)} Random patches: their scores are optimistic.\n\n{_markdown(head, lines)}"


def _title(group: Group) -> str:
    precisions = ", ".join(dict.fromkeys(row["precision"] for row in group.rows))
    return f"**{group.schedule}**, {group.device}, {precisions}."


def _about_spread(group: Group) -> str:
    seeds = len(group.seed_means(BASE))
    if group.spread is None:
        return "The spread of `best` over seeds is not measured, so differences say little."
    points = 100 * group.spread
    return (
        f"Spread of `best` over {seeds} seeds: {points:.2f} points of mean IoU. "
        f"A difference below {2 * points:.2f} is none."
    )


def _mean(rows: Iterable[Mapping[str, str]], column: str, seed: str | None = None) -> float:
    """The mean of a column over the rows that have a value, of one seed if it is given; 0 where none has."""
    found = [float(row[column]) for row in rows if row[column] and seed in (None, row["seed"])]
    return statistics.fmean(found) if found else 0.0


def _share(rows: Records, column: str) -> str:
    return f"{_mean(rows, column):.3f}" if any(row[column] for row in rows) else ""


def _markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
