"""The rows of docs/corrections.csv: one for each (fold, arm, boxes, draw, keep, device)."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from benchmarks.places.locks import locked
from terrazzo.system.files import csv_text, write_text

START, SUGGEST, RANDOM, ALL = "start", "suggest", "random", "all"


@dataclass(frozen=True)
class Row:
    """A measured row. Scores lie in 0..1."""

    fold: str
    arm: str
    """`start`: no box; `suggest`; `random`; `all`: every box, trained longer; `cover`: a rule that was not kept."""
    boxes: int
    draw: int
    """Which of the random draws."""
    keep: str
    """Whether old patches were mixed in: yes or no."""
    share: float
    """Of the pixels of both tiles that the boxes are."""
    accuracy: float
    mean_iou_5: float
    """Mean IoU of the five named classes, over the pixels that are scored in both tiles."""
    old_mean_iou_5: float
    """The same on the validation patches of the places that the start model was trained on."""
    minutes: float
    """Of training."""
    device: str
    precision: str
    version: str
    command: str

    @property
    def key(self) -> tuple[str, ...]:
        """What a row is measured once for."""
        return (self.fold, self.arm, str(self.boxes), str(self.draw), self.keep, self.device)


COLUMNS = tuple(column.name for column in fields(Row))


def read(path: Path) -> list[Row]:
    """The rows of a table; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        kinds = {column.name: column.type for column in fields(Row)}
        return [
            Row(**{name: {int: int, float: float, str: str}[kinds[name]](cell) for name, cell in row.items()})  # type: ignore[index]
            for row in csv.DictReader(stream)
        ]


def append(path: Path, row: Row) -> None:
    """Append a row, unless one of its key stands there. The file is replaced whole."""
    with locked(path):
        there = read(path)
        if row.key not in {each.key for each in there}:
            write_text(path, csv_text(COLUMNS, map(_cells, [*there, row])))


def _cells(row: Row) -> Iterable[object]:
    return asdict(row).values()
