"""The folder of a report: its files, how it is recognised, and what is finished or unfinished in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terrazzo.errors import OutputExistsError
from terrazzo.system.files import Mark, csv_text, read_json, refuse_existing, write_json, write_text

SCORES, REPORT, DEGRADE, WORST = "scores.json", "report.html", "degrade.csv", "worst.csv"
FIELDS = ("kind", "strength", "mean_iou", "accuracy")
"""The columns of degrade.csv."""
WORST_FIELDS = (
    *("rank", "patch", "image", "row", "col", "x", "y", "crs"),
    *("accuracy", "mean_iou", "truth", "predicted", "confused_px"),
)
"""The columns of worst.csv."""
PARTIAL = ".degrade.partial.json"
"""The finished rows of a degrade.csv that is not."""
Row = Mapping[str, Any]
"""One row by the names of `FIELDS`."""

_TABLES = {"degrade": (DEGRADE, FIELDS), "worst": (WORST, WORST_FIELDS)}
"""By the entry of scores.json that holds the rows: the file and its columns."""
_SIGNS = (
    (SCORES, '"mean_iou"'),
    (REPORT, "terrazzo report</title>"),
    (DEGRADE, ",".join(FIELDS)),
    (WORST, ",".join(WORST_FIELDS)),
)
MARK = Mark((SCORES, REPORT, DEGRADE, WORST), _SIGNS, is_whole=False)


@dataclass(frozen=True)
class ReportFolder:
    """The folder of a report on one model, split and set of options, which the key stands for."""

    path: Path
    key: str

    def finished(self) -> dict[str, Any] | None:
        """The scores there, if their report is finished and of this key."""
        scores = read_json(self.path / SCORES)
        return scores if scores.get("key") == self.key and (self.path / REPORT).is_file() else None

    def rows(self) -> list[Row]:
        """The rows of degrade.csv that a stopped command finished; none if it was of another key."""
        partial = read_json(self.path / PARTIAL)
        return list(partial.get("rows", ())) if partial.get("key") == self.key else []

    def keep(self, rows: Sequence[Row]) -> None:
        """Keep finished rows of degrade.csv, whole or not at all."""
        write_json(self.path / PARTIAL, {"key": self.key, "rows": list(rows)})

    def refuse(self, overwrite: bool) -> None:
        """Raise OutputExistsError if the report cannot be written there.

        A finished or unfinished report of this key is in nobody's way: it is completed.
        """
        for folder in (self.path, *self.path.parents):
            if folder.is_file():
                raise OutputExistsError(f"{folder}: is a file; --out takes a folder")
        if overwrite or not (self.rows() or self.finished()):
            refuse_existing(self.path, "a finished report", overwrite, MARK)

    def write(self, scores: Mapping[str, Any], page: str) -> None:
        """Write the tables that the scores hold, report.html, and scores.json, whose presence means finished."""
        (self.path / SCORES).unlink(missing_ok=True)
        for entry, (name, fields) in _TABLES.items():
            if entry in scores:
                write_text(self.path / name, csv_text(fields, _cells(scores[entry], fields)))
            else:
                (self.path / name).unlink(missing_ok=True)
        write_text(self.path / REPORT, page)
        write_json(self.path / SCORES, scores)
        if "degrade" in scores or not self.rows():
            (self.path / PARTIAL).unlink(missing_ok=True)


def _cells(rows: Iterable[Row], fields: Sequence[str]) -> Iterable[list[Any]]:
    """The cells of a table, line by line."""
    return ([row[field] for field in fields] for row in rows)
