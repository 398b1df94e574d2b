"""The figures of a comparison: as the rows of compare.json, and as CSV."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from terrazzo.improving.comparing.changes import Changes
from terrazzo.improving.comparing.comparison import (
    AREA_FIELDS,
    AREAS,
    MATRIX_HA,
    MATRIX_PERCENT,
    PAIR_FIELDS,
    PAIRS,
)
from terrazzo.improving.comparing.counts import PERCENT, Counts
from terrazzo.system.files import csv_text, write_text

_DECIMALS = {"ha": 7, "percent": 6}
"""Of hectares: a square millimetre's tenth, as in the areas.csv of a map."""

Row = dict[str, Any]


def figures(counts: Counts, changes: Changes) -> dict[str, Any]:
    """Everything that was counted, as JSON values; None for an area that is not known."""
    same = np.eye(changes.classes.count, dtype=np.bool_)
    whole, percent = counts.pixels, counts.percent
    only_from, only_to, neither = counts.left_out
    return {
        "classes": list(changes.classes.names),
        "compared": {"pixels": int(whole.sum()), "area_ha": _ha(counts, np.ones_like(same))},
        "changed": {
            "pixels": int(whole[~same].sum()),
            "area_ha": _ha(counts, ~same),
            "percent": round(float(percent[~same].sum()), _DECIMALS["percent"]),
        },
        "left_out": {"only_from": only_from, "only_to": only_to, "neither": neither},
        "areas": list(_area_rows(counts, changes.classes.names)),
        "changes": list(_pair_rows(counts, changes)),
        "matrix_pixels": whole.tolist(),
        "matrix_ha": None if counts.ha is None else counts.ha.round(_DECIMALS["ha"]).tolist(),
        "matrix_percent": percent.round(_DECIMALS["percent"]).tolist(),
    }


def write_tables(folder: Path, found: dict[str, Any]) -> None:
    """Write areas.csv, changes.csv and the matrices: a row is from, a column to. Without areas, only per cent."""
    for name, fields, rows in ((AREAS, AREA_FIELDS, found["areas"]), (PAIRS, PAIR_FIELDS, found["changes"])):
        write_text(folder / name, csv_text(fields, ([_word(field, row[field]) for field in fields] for row in rows)))
    for name, matrix, unit in (
        (MATRIX_HA, found["matrix_ha"], "ha"),
        (MATRIX_PERCENT, found["matrix_percent"], "percent"),
    ):
        if matrix is not None:
            write_text(folder / name, _matrix_text(found["classes"], matrix, unit))


def _matrix_text(names: Sequence[str], matrix: Sequence[Sequence[float]], unit: str) -> str:
    rows = ([name, *(_word(unit, value) for value in row)] for name, row in zip(names, matrix, strict=True))
    return csv_text(["from", *names], rows)


def _area_rows(counts: Counts, names: Sequence[str]) -> Iterator[Row]:
    """A row of AREA_FIELDS for each class; change in per cent of what it was."""
    for i, name in enumerate(names):
        was, became = _ha(counts, (i, slice(None))), _ha(counts, (slice(None), i))
        pixels = int(counts.pixels[i].sum()), int(counts.pixels[:, i].sum())
        before, after = pixels if was is None or became is None else (was, became)
        part = round(PERCENT * (after - before) / before, _DECIMALS["percent"]) if before else None
        change = None if was is None or became is None else round(became - was, _DECIMALS["ha"])
        yield dict(zip(AREA_FIELDS, (name, *pixels, was, became, change, part), strict=True))


def _pair_rows(counts: Counts, changes: Changes) -> Iterator[Row]:
    """A row of PAIR_FIELDS for each pair of different classes that occurs."""
    names, percent = changes.classes.names, counts.percent
    for each in changes.every:
        place = (each.first, each.second)
        part = round(float(percent[place]), _DECIMALS["percent"])
        known = (names[each.first], names[each.second], int(counts.pixels[place]), _ha(counts, place), part)
        yield dict(zip(PAIR_FIELDS, (each.id, *known), strict=True))


def _ha(counts: Counts, place: Any) -> float | None:
    """The hectares of a part of the matrix; None if they are not known."""
    return None if counts.ha is None else round(float(counts.ha[place].sum()), _DECIMALS["ha"])


def _word(field: str, value: Any) -> Any:
    """A value as a table shows it: blank where it is not known, numbers with their decimals."""
    if value is None:
        return ""
    return f"{value:.{_DECIMALS[field.rpartition('_')[2]]}f}" if isinstance(value, float) else value
