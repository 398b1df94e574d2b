"""What a check of images and masks found: findings, and the report on all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from terrazzo.classes.schema import ClassSchema
from terrazzo.system.reporting import how_many, listed

Severity = Literal["refuse", "warn", "note"]

# The remedy for each kind of finding that can refuse.
REMEDIES: Mapping[str, str] = {
    "unpaired": "complete the pairs, or leave such files out with --unpaired skip",
    "unreadable": "replace the file, or leave such files out with --bad skip",
    "size": "export both again, or leave such files out with --bad skip",
    "mixed": "convert the masks to one kind, or leave such files out with --bad skip",
    "id-range": "mend the mask or the class table (id,name or name,color), ignore such values with --ignore-value N "
    "or --unknown ignore, "
    "or leave such files out with --bad skip",
    "unknown": "add the colour to the class table (--classes FILE with name,color, or id,name for ids), "
    "or use --unknown ignore or --unknown nearest",
    "small": "choose a smaller --patch-size, or --fit pad or resize",
    "nothing-left": "the lines above say why: mend the files, or leave out and ignore less",
}


@dataclass(frozen=True)
class Finding:
    """One thing found in one file, or in the whole data set, whose path is then `file`."""

    kind: str
    severity: Severity
    file: str
    detail: str
    count: int = 1
    """Pixels if the finding is about pixels, else files."""
    example: tuple[int, int] | None = None
    """(row, col) of one such pixel in the file."""

    def text(self) -> str:
        """`folder/a.png: what was found, e.g. row 3, col 5`."""
        at = f", e.g. row {self.example[0]}, col {self.example[1]}" if self.example else ""
        return f"{self.file}: {self.detail}{at}"

    def to_dict(self) -> dict[str, Any]:
        """The finding as a JSON value."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "file": self.file,
            "count": self.count,
            "example": list(self.example) if self.example else None,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Report:
    """The result of a check: notes, findings in file order, pixels of each class."""

    root: str
    layout: str
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    schema: ClassSchema
    class_pixels: tuple[int, ...]
    """Pixels of each class, in id order, over the accepted scenes."""
    ignored_pixels: int
    """Pixels in no class: void, ignored classes, tolerated unknown colours."""
    n_scenes: int
    """Accepted scenes."""

    @property
    def refusal(self) -> str | None:
        """One line with the first offending file, its fault, the number of further findings and the remedy; or None."""
        refused = [finding for finding in self.findings if finding.severity == "refuse"]
        if not refused:
            return None
        more = f" (and {how_many(len(refused) - 1, 'more finding')})" if len(refused) > 1 else ""
        return f"{refused[0].text()}{more}; {REMEDIES[refused[0].kind]}"

    def lines(self) -> list[str]:
        """The report as text: notes, then warnings and refusals in file order, equal ones in one line.

        Findings of severity `note` are left to the notes, which count them. File names are relative to the root.
        """
        equal: dict[tuple[str, str], list[Finding]] = {}
        for found in self.findings:
            if found.severity != "note":
                below = found.file.removeprefix(self.root)
                name = found.file if below == found.file else below.lstrip("/\\!") or found.file
                equal.setdefault((found.severity, found.detail), []).append(replace(found, file=name))
        return [
            *self.notes,
            *(
                f"{severity}: {found[0].text()}"
                if len(found) == 1
                else f"{severity}: {listed([f.file for f in found])}: {detail}"
                for (severity, detail), found in equal.items()
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """The report as a JSON value."""
        valid = max(sum(self.class_pixels), 1)
        return {
            "root": self.root,
            "layout": self.layout,
            "n_scenes": self.n_scenes,
            "notes": list(self.notes),
            "findings": [finding.to_dict() for finding in self.findings],
            "classes": [
                entry | {"pixels": pixels, "share": pixels / valid}
                for entry, pixels in zip(self.schema.to_list(), self.class_pixels, strict=True)
            ],
            "ignored_pixels": self.ignored_pixels,
            "refusal": self.refusal,
        }
