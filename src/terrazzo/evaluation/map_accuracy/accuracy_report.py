"""The accuracy of a map as JSON values, tables and lines for a terminal."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from terrazzo.errors import OutputExistsError
from terrazzo.evaluation.map_accuracy.assessment import Assessment
from terrazzo.evaluation.map_accuracy.estimators import Estimate
from terrazzo.system.files import Mark, csv_text, read_json, refuse_existing, write_json, write_text
from terrazzo.system.reporting import how_many

SCORES, ADJUSTED = "scores.json", "areas_adjusted.csv"
COUNTS, PROPORTIONS = "error_matrix.csv", "error_matrix_area.csv"
ADJUSTED_FIELDS = ("class_id", "class", "area_ha", "adjusted_ha", "low_ha", "high_ha")
CORNER = "map"
"""The first column of an error matrix: the map's classes are its rows."""
M2_PER_HA = 10_000

_SIGNS = ((SCORES, '"design"'), (ADJUSTED, ",".join(ADJUSTED_FIELDS)))
MARK = Mark((SCORES, ADJUSTED, COUNTS, PROPORTIONS), _SIGNS, is_whole=False)
_OF = {
    "stratified": "a stratified random sample",
    "simple": "a simple random sample, stratified afterwards by the classes of the map",
    "none": "no probability sample: accuracy alone",
}

Scores = dict[str, Any]


def scores_of(found: Assessment) -> Scores:
    """The content of scores.json. Shares are in [0, 1]; what is not known is None."""
    names, estimates, k = found.survey.names, found.estimates, len(found.survey.names)
    total_ha = None if found.survey.m2 is None else float(found.survey.m2.sum()) / M2_PER_HA
    counts = found.counts
    if estimates is None:
        accuracy = float(counts.trace() / counts.sum())
        user, producer = _shares(counts, axis=1), _shares(counts, axis=0)
    else:
        accuracy = float(estimates.accuracy.value)
        user, producer = (list(map(_known, each.value.tolist())) for each in (estimates.user, estimates.producer))
    scores: Scores = {
        "design": found.design,
        "accuracy": accuracy,
        "user_accuracy": dict(zip(names, user, strict=True)),
        "producer_accuracy": dict(zip(names, producer, strict=True)),
        "intervals": {} if estimates is None else _intervals(estimates, names),
        "used": found.used,
        "left_out": found.left_out,
        "total_ha": total_ha,
        "classes": [_of_class(found, i, total_ha) for i in range(k)],
        "error_matrix": {
            "classes": list(names),
            "counts": counts.tolist(),
            "proportions": None if estimates is None else estimates.proportions.tolist(),
        },
        "notes": list(found.notes),
    }
    return scores


def tables_of(scores: Mapping[str, Any]) -> dict[str, str]:
    """The tables of a report by file name; those of areas only where there are estimates."""
    matrix = scores["error_matrix"]
    names = matrix["classes"]
    tables = {COUNTS: _matrix(names, matrix["counts"])}
    if matrix["proportions"] is not None:
        rows = [
            [row["id"], row["name"], *(_number(row[field]) for field in ADJUSTED_FIELDS[2:])]
            for row in scores["classes"]
        ]
        tables[PROPORTIONS] = _matrix(names, matrix["proportions"])
        tables[ADJUSTED] = csv_text(ADJUSTED_FIELDS, rows)
    return tables


def lines_of(scores: Mapping[str, Any]) -> list[str]:
    """The scores as lines for a terminal, one a class, with 95 % intervals where there are any."""
    between, classes = scores["intervals"], scores["classes"]
    unit = "point" if scores["design"] != "none" or scores["of"] == "points" else "pixel"
    left = f", {scores['left_out']} left out" if scores["left_out"] else ""
    lines = [
        f"accuracy {_span(scores['accuracy'], between.get('accuracy'))}, by {how_many(scores['used'], unit)}{left}",
        f"design: {_OF[scores['design']]}",
    ]
    head = ["class", "user's", "producer's"]
    rows = [
        [
            row["name"],
            _span(row["user_accuracy"], between.get(f"user_accuracy/{row['name']}")),
            _span(row["producer_accuracy"], between.get(f"producer_accuracy/{row['name']}")),
        ]
        for row in classes
    ]
    if between and scores["total_ha"] is None:
        head += ["map share", "adjusted share"]
        pixels = sum(row["pixels"] for row in classes)
        for cells, row in zip(rows, classes, strict=True):
            cells += [f"{row['pixels'] / pixels:.3f}", _span(row["share"], between[f"share/{row['name']}"])]
    elif between:
        head += ["map ha", "adjusted ha"]
        for cells, row in zip(rows, classes, strict=True):
            cells += [_ha(row["area_ha"]), f"{_ha(row['adjusted_ha'])} ({_ha(row['low_ha'])} to {_ha(row['high_ha'])})"]
    widths = [max(len(cells[i]) for cells in (head, *rows)) for i in range(len(head))]
    for cells in (head, *rows):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    return lines


def finished(folder: Path, key: str) -> Scores | None:
    """The scores in the folder, if they are of this key and their tables are there."""
    scores = read_json(folder / SCORES)
    if scores.get("key") != key:
        return None
    return scores if all((folder / name).is_file() for name in tables_of(scores)) else None


def refuse_other(folder: Path, overwrite: bool) -> None:
    """Raise OutputExistsError if a report cannot be written there."""
    for above in (folder, *folder.parents):
        if above.is_file():
            raise OutputExistsError(f"{above}: is a file; --out takes a folder")
    refuse_existing(folder, "a finished report", overwrite, MARK)


def write_report(folder: Path, scores: Scores) -> None:
    """Write the tables, and scores.json last, whose presence means finished."""
    (folder / SCORES).unlink(missing_ok=True)
    tables = tables_of(scores)
    for name in (ADJUSTED, COUNTS, PROPORTIONS):
        if name in tables:
            write_text(folder / name, tables[name])
        else:
            (folder / name).unlink(missing_ok=True)
    write_json(folder / SCORES, scores)


def _of_class(found: Assessment, i: int, total_ha: float | None) -> Scores:
    """One class: ids and names, accuracies, mapped and adjusted areas with the ends of their intervals."""
    counted, estimates = found.survey, found.estimates
    row: Scores = {
        "id": counted.ids[i],
        "name": counted.names[i],
        "pixels": int(counted.pixels[i]),
        "area_ha": None if counted.m2 is None else float(counted.m2[i]) / M2_PER_HA,
    }
    if estimates is None:
        by_row, by_column = (_shares(found.counts, axis)[i] for axis in (1, 0))
        return row | {"user_accuracy": by_row, "producer_accuracy": by_column}
    share = estimates.share
    row |= {
        "user_accuracy": _known(float(estimates.user.value[i])),
        "producer_accuracy": _known(float(estimates.producer.value[i])),
        "share": float(share.value[i]),
    }
    ends = {"adjusted_ha": share.value, "low_ha": share.low, "high_ha": share.high}
    return row | {name: None if total_ha is None else float(end[i]) * total_ha for name, end in ends.items()}


def _intervals(estimates: Any, names: Sequence[str]) -> dict[str, list[float]]:
    """The 95 % intervals by score: `accuracy`, `user_accuracy/NAME`, `producer_accuracy/NAME` and `share/NAME`."""
    found = {"accuracy": [float(estimates.accuracy.low), float(estimates.accuracy.high)]}
    each: dict[str, Estimate] = {
        "user_accuracy": estimates.user,
        "producer_accuracy": estimates.producer,
        "share": estimates.share,
    }
    for score, known in each.items():
        for name, low, high in zip(names, known.low.tolist(), known.high.tolist(), strict=True):
            if not math.isnan(low):
                found[f"{score}/{name}"] = [low, high]
    return found


def _shares(counts: Any, axis: int) -> list[float | None]:
    """Right points of each class over all of its row (axis 1) or column (axis 0); None where there are none."""
    sums = counts.sum(axis=axis).tolist()
    return [right / n if n else None for right, n in zip(counts.diagonal().tolist(), sums, strict=True)]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _matrix(names: Sequence[str], rows: Sequence[Sequence[float]]) -> str:
    cells = ([name, *map(_plain, row)] for name, row in zip(names, rows, strict=True))
    return csv_text([CORNER, *names], cells)


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.8f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.7f}"


def _span(value: float | None, ends: Sequence[float] | None) -> str:
    """`0.947 (0.928-0.965)`."""
    if value is None:
        return "-"
    return f"{value:.3f}" if ends is None else f"{value:.3f} ({ends[0]:.3f}-{ends[1]:.3f})"


def _ha(value: float) -> str:
    """Hectares with four figures at least."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
