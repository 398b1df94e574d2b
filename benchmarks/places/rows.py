"""The rows of docs/experiments.csv: one for each (protocol, method, seed, fold, schedule, device).

Law: a row is appended whole or not at all, and what stands in the file stays as it is, to the byte. Several processes
may append at once: a lock file beside the table lets them in one by one, and a killed process leaves no lock behind.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from benchmarks.places.locks import locked
from terrazzo.classes.palettes import DUBAI
from terrazzo.errors import InputError
from terrazzo.system.files import csv_text, write_text

PLACES, LEAKY = "places", "leaky"
"""The protocols: whole scenes of places left out, and random patches."""
NAMED = tuple(name.split()[0].lower() for name in DUBAI.names)
"""The classes as the columns name them: building, land, road, vegetation, water, unlabeled."""
UNNAMED = "unlabeled"
"""The class that the mean of the five named classes leaves out."""


@dataclass(frozen=True)
class Row:
    """A measured row, as text and numbers. Shares lie in 0..1; None where there is no such score."""

    protocol: str
    method: str
    words: str
    seed: str
    """The seed of training, or of the runs that were joined: `0 1 2`."""
    fold: str
    """The tiles left out, `1+8`; `all` for random patches."""
    schedule: str
    """What was asked for: `full`, `600 steps` or `30 epochs`."""
    epochs: int
    steps: int
    """Steps of the optimizer in one run."""
    accuracy: float
    mean_iou_5: float | None
    """Mean IoU of the five named classes that the truth holds."""
    mean_iou: float
    """Mean IoU of the classes in truth or map."""
    jaccard_soft_micro: float | None
    """Of random patches alone."""
    iou_building: float | None
    iou_land: float | None
    iou_road: float | None
    iou_vegetation: float | None
    iou_water: float | None
    iou_unlabeled: float | None
    minutes: float
    """Training without validation, what follows it, and mapping; of shared runs too, as if they were its own."""
    device: str
    precision: str
    version: str
    command: str
    kept: str = ""
    """Whether the method became part of `best`: yes, no or blank. Filled in by hand."""

    @property
    def key(self) -> tuple[str, ...]:
        """What a row is measured once for."""
        return key_of(asdict(self))


COLUMNS = tuple(column.name for column in fields(Row))
KEY = ("protocol", "method", "seed", "fold", "schedule", "device")


def key_of(values: Mapping[str, object]) -> tuple[str, ...]:
    """The key of a row given as a mapping."""
    return tuple(str(values[name]) for name in KEY)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table as text by column; none where there is no file. Raises InputError at other columns."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        found = tuple(reader.fieldnames or ())
        if found != COLUMNS:
            odd = sorted(set(found) ^ set(COLUMNS)) or ["their order"]
            raise InputError(f"{path}: its columns differ from those of this version ({odd[0]}); choose another --out")
        return list(reader)


def keys_in(path: Path) -> set[tuple[str, ...]]:
    """The keys of the rows that stand in a table."""
    return {key_of(row) for row in read_rows(path)}


def append(path: Path, row: Row) -> bool:
    """Append a row unless one of its key stands there; whether it was appended."""
    with locked(path):
        if row.key in keys_in(path):
            return False
        before = path.read_text(encoding="utf-8") if path.is_file() else csv_text(COLUMNS, [])
        line = csv_text(COLUMNS, [_cells(row)]).split("\n", 1)[1]
        write_text(path, (before if before.endswith("\n") else f"{before}\n") + line)
    return True


def merge(path: Path, other: Path) -> int:
    """Append the rows of another table whose keys do not stand in this one; how many there were."""
    return sum(append(path, Row(**row)) for row in read_rows(other))  # type: ignore[arg-type]  # text stays text


def _cells(row: Row) -> Iterable[object]:
    return ["" if value is None else value for value in asdict(row).values()]
