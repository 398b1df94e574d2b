"""What a comparison of two maps found: its tables, and its lines for a terminal."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terrazzo.system.reporting import how_many

AREAS, MATRIX_HA, MATRIX_PERCENT, PAIRS = "areas.csv", "matrix_ha.csv", "matrix_percent.csv", "changes.csv"
AREA_FIELDS = (
    *("class", "pixels_from", "pixels_to", "area_from_ha", "area_to_ha"),
    *("change_ha", "change_percent"),
)
PAIR_FIELDS = ("change_id", "from", "to", "pixels", "area_ha", "percent")
RECORD = "compare.json"
_SHOWN = 5
"""The largest changes that a terminal shows."""


@dataclass(frozen=True)
class Comparison:
    """Two maps compared."""

    path: Path
    """The folder with the tables, the raster and the polygons."""
    kept: bool
    """A comparison of the same maps was there already."""
    record: dict[str, Any]
    """The content of compare.json: areas by class, the matrix, what was compared and what was left out."""

    def lines(self) -> list[str]:
        """Areas by class, what was compared, and the largest changes."""
        return [*self._table(), *self._summary()]

    def _table(self) -> Iterator[str]:
        in_ha = self.record["compared"]["area_ha"] is not None
        unit = "ha" if in_ha else "pixels"
        names = ("area_from_ha", "area_to_ha") if in_ha else ("pixels_from", "pixels_to")
        rows = self.record["areas"]
        width = max(len("class"), *(len(row["class"]) for row in rows))
        yield f"{'class':{width}}  {'from ' + unit:>14}  {'to ' + unit:>14}  {'change':>14}  {'change %':>9}"
        for row in rows:
            was, became = (row[name] for name in names)
            part = "-" if not was else f"{100 * (became - was) / was:+.1f}"
            numbers = (f"{was:,.2f}", f"{became:,.2f}", f"{became - was:+,.2f}")
            if not in_ha:
                numbers = (f"{was:,}", f"{became:,}", f"{became - was:+,}")
            yield f"{row['class']:{width}}  " + "  ".join(f"{number:>14}" for number in numbers) + f"  {part:>9}"

    def _summary(self) -> Iterator[str]:
        compared, changed, left_out = (self.record[name] for name in ("compared", "changed", "left_out"))
        yield f"compared: {_amount(compared)}; changed: {_amount(changed)}, {changed['percent']:.2f} %"
        if any(left_out.values()):
            only = f"{left_out['only_from']:,} in the first map alone, {left_out['only_to']:,} in the second alone"
            yield f"left out: {only}, {left_out['neither']:,} in neither (pixels)"
        pairs = sorted(self.record["changes"], key=lambda pair: -pair["percent"])
        for pair in pairs[:_SHOWN]:
            yield f"  {pair['from']} -> {pair['to']}: {_amount(pair)}, {pair['percent']:.2f} %"
        if len(pairs) > _SHOWN:
            yield f"  and {how_many(len(pairs) - _SHOWN, 'more pair')} ({PAIRS})"


def _amount(row: dict[str, Any]) -> str:
    """`12.34 ha`, or pixels where areas are unknown."""
    return f"{row['pixels']:,} pixels" if row["area_ha"] is None else f"{row['area_ha']:,.2f} ha"
