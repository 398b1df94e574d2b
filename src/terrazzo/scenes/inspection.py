"""A data set described: classes, sizes, groups, and why prepare would refuse it."""

import shlex
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from terrazzo.classes.given import GivenTable, given_classes
from terrazzo.classes.schema import IGNORE, MAX_CLASSES, NO_CLASS
from terrazzo.classes.tables import ClassTable, class_table_csv
from terrazzo.errors import ClassTableError, InputError
from terrazzo.scenes.alpha import doubts_about_alpha
from terrazzo.scenes.contract.census import Census, value_text
from terrazzo.scenes.contract.check import Checked, judge
from terrazzo.scenes.contract.class_drafts import draft_classes
from terrazzo.scenes.contract.label_classes import classes_of
from terrazzo.scenes.contract.mask_classes import Classes
from terrazzo.scenes.contract.mask_values import class_of_values
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.contract.reading import Reader
from terrazzo.scenes.contract.readings import settled
from terrazzo.scenes.contract.survey import Probe, Survey, census, survey
from terrazzo.scenes.detect import find_scenes
from terrazzo.scenes.naming import Naming
from terrazzo.system.files import refuse_existing, write_text
from terrazzo.system.reporting import Progress, as_html, how_many, listed

_SHOWN = 30


@dataclass(frozen=True)
class Inspection:
    """A description of a data set or model as text and JSON value, and whether prepare would refuse the data."""

    text: tuple[str, ...]
    value: dict[str, Any]
    refusal: str | None = None
    """One line that says why prepare would refuse, or None."""
    accepted_with: Path | None = None
    """The class table that was written, if prepare would accept the data with it."""

    def lines(self) -> list[str]:
        """The description, line by line."""
        return list(self.text)

    def _repr_html_(self) -> str:
        refused = self.refusal is not None and self.accepted_with is None
        return as_html(self.lines() + [f"prepare would refuse this: {self.refusal}"] * refused)

    def to_dict(self) -> dict[str, Any]:
        """The description as a JSON value."""
        return self.value


@dataclass(frozen=True)
class Inspected:
    """A description, and what a class table is written from."""

    described: Inspection
    draft: tuple[ClassTable, int] | None
    """The classes to edit, and how many values are left out; None where nothing is known."""
    refusal_with: Callable[[Path], str | None]
    """Why prepare would refuse the data with the table at a path, or None. Raises ClassTableError at a bad table."""

    def with_table(self, path: Path, overwrite: bool) -> Inspection:
        """The description after writing the class table to `path`; an equal file is kept."""
        if self.draft is None:
            return self.described
        if path.suffix.lower() != ".csv":
            raise InputError(f"--write-classes {path}: expected the name of a .csv file")
        classes, left_out = self.draft
        ignored = [value for _, value in classes.ignored]
        values = classes.values if classes.has_ids else None
        table = class_table_csv(classes.schema, values, ignored, classes.also)
        kept = path.is_file() and path.read_bytes() == table.encode()
        if not kept:
            refuse_existing(path, "the class table", overwrite, word="--write-classes")
            write_text(path, table)
        line = f"{'kept' if kept else 'wrote'} {path}: {how_many(classes.schema.n_classes, 'class')}; "
        line += f"edit it and give it as --classes {path}"
        line += f" ({left_out} further values are not in it)" if left_out else ""
        try:
            accepted = self.described.refusal is None or self.refusal_with(path) is None
        except ClassTableError:
            accepted = False
        value = self.described.value | {"class_table": str(path)}
        text = (*self.described.text, line)
        return replace(self.described, text=text, value=value, accepted_with=path if accepted else None)


def inspect_pictures(
    root: Path,
    naming: Naming,
    options: LabelOptions,
    least_side: int,
    progress: Progress,
    no_groups: Callable[[Sequence[Probe]], Set[str]],
) -> Inspected:
    """What is in a data set of pictures. Raises InputError where there is none, ClassTableError at a bad table.

    `no_groups` gives the folders that a split may divide, though the layout takes them for groups.
    """
    given = options.given()
    found = find_scenes(root, options.layout, naming=naming)
    read = survey(root, found, progress, Reader(options.downsample))

    def judged(given: GivenTable | None, options: LabelOptions = options) -> tuple[Classes, Checked]:
        surveyed = settled(read, given, options.palette is not None)
        if surveyed.problem is not None:
            raise ClassTableError(surveyed.problem)
        counted = census(surveyed.probes)
        classes = classes_of(found, counted, given, options, shlex.join(found.words or [str(root)]))
        return classes, judge(surveyed, counted, classes, options, least_side)

    surveyed = settled(read, given, options.palette is not None)
    counted = census(surveyed.probes)
    try:
        (classes, checked), problem = judged(given), None
    except ClassTableError as error:
        classes, problem = None, f"{root}: {error}"
        checked = _judged_without_classes(surveyed, counted, options, least_side)
    table, n_left = draft_classes(counted, classes, options.ignore_value)
    # The numbers of drawn labels are no ids that a user could look up.
    draft = replace(table, has_ids=table.has_ids and not found.names), n_left
    described = _describe(surveyed, counted, checked, problem, no_groups(read.probes))
    described = replace(described, text=(*described.text, *doubts_about_alpha(found)))
    without_palette = replace(options, palette=None)
    return Inspected(described, draft, lambda table: judged(given_classes(table), without_palette)[1].report.refusal)


def _judged_without_classes(surveyed: Survey, counted: Census, options: LabelOptions, least_side: int) -> Checked:
    """The findings that do not depend on the classes, which are unknown: each value stands for one."""
    draft, _ = draft_classes(counted, None)
    stand_in = Classes(draft.schema, (), class_of_values(draft, counted, "error", ()))
    checked = judge(surveyed, counted, stand_in, replace(options, unknown="error", ignore_class=()), least_side)
    about_classes = ("unknown", "nearest", "void", "absent", "id-range")
    findings = tuple(found for found in checked.report.findings if found.kind not in about_classes)
    return replace(checked, report=replace(checked.report, findings=findings))


def _describe(
    surveyed: Survey, counted: Census, checked: Checked, problem: str | None, no_groups: Set[str]
) -> Inspection:
    report = checked.report
    sizes = [probe.size for probe in surveyed.probes if probe.size]
    pixels = sum(height * width for height, width in sizes)
    groups = _groups(surveyed, no_groups)
    values = [
        {"value": value_text(counted, value), "pixels": count, "share": count / counted.total}
        for value, count in list(counted.pixels.items())[:MAX_CLASSES]
    ]
    value = report.to_dict() | {
        "n_images": len(surveyed.probes),
        "pixels": pixels,
        "heights": [min((height for height, _ in sizes), default=0), max((height for height, _ in sizes), default=0)],
        "widths": [min((width for _, width in sizes), default=0), max((width for _, width in sizes), default=0)],
        "groups": groups,
        "masks": "colors" if counted.is_color else "ids",
        "values": values,
        "n_values": len(counted.pixels),
        "label_values": [] if problem else _label_values(surveyed, checked, counted),
        "refusal": problem or report.refusal,
    }
    if problem:
        value["classes"] = []
    heights, widths = value["heights"], value["widths"]
    text = [
        f"{surveyed.root}: layout {report.layout}, {how_many(len(surveyed.probes), 'image')}, "
        f"{pixels / 1e6:.1f} megapixels",
        f"sizes: {widths[0]} to {widths[1]} px wide, {heights[0]} to {heights[1]} px high",
        *_group_lines(groups, len(surveyed.probes), no_groups),
        *(_value_lines(values, len(counted.pixels), value["masks"]) if problem else class_lines(value["classes"])),
        *([] if surveyed.found.names else _label_value_lines(value["label_values"])),
        *report.lines(),
    ]
    return Inspection(tuple(text), value, value["refusal"])


def _groups(surveyed: Survey, no_groups: Set[str]) -> list[dict[str, Any]]:
    """Name, images and pixels of each group, in file order."""
    groups: dict[str, dict[str, Any]] = {}
    for probe in surveyed.probes:
        name = probe.scene.name if probe.scene.group in no_groups else probe.scene.group
        group = groups.setdefault(name, {"name": name, "images": 0, "pixels": 0})
        group["images"] += 1
        group["pixels"] += probe.size[0] * probe.size[1] if probe.size else 0
    return list(groups.values())


def _group_lines(groups: list[dict[str, Any]], n_images: int, no_groups: Set[str]) -> list[str]:
    if len(groups) == n_images:
        but = f", as the folders {listed(sorted(no_groups))} name kinds of pictures or hold copies" if no_groups else ""
        return [f"groups: none, each image is its own{but}"]
    shown = (f"{g['name']}: {how_many(g['images'], 'image')}, {g['pixels'] / 1e6:.1f} megapixels" for g in groups)
    return [f"groups: {len(groups)}, each to stay on one side of a split", *_first(list(shown), len(groups))]


def _first(lines: list[str], n: int) -> list[str]:
    """The first lines of `n`, indented, and how many more there are."""
    return [f"  {line}" for line in lines[:_SHOWN]] + ([f"  and {n - _SHOWN} more"] if n > _SHOWN else [])


def class_lines(classes: list[dict[str, Any]]) -> list[str]:
    """A table of classes with their pixels, line by line; nothing without classes."""
    if not classes:
        return []
    width = max(len(entry["name"]) for entry in classes)
    return [
        "classes: id, colour, name, pixels, share of the pixels that have a class",
        *(f"  {c['id']:3d}  {c['color']}  {c['name']:{width}}  {c['pixels']:12d}  {c['share']:7.2%}" for c in classes),
    ]


def _label_values(surveyed: Survey, checked: Checked, counted: Census) -> list[dict[str, Any]]:
    """For masks of ids: the class of each value, after classes are left out and the ids close up.

    Of palette images that are read by their greys, the values are the greys.
    """
    if counted.is_color or any(scene.scene.lossy for scene in checked.scenes):
        return []
    stored = {probe.scene.name: probe.mask.stored for probe in surveyed.probes if probe.mask}
    labels = [(scene.scene.name, scene.scene.label_ids) for scene in checked.scenes]
    lookups = {(lookup, stored[name]) for name, lookup in labels if lookup is not None}
    meant = {
        (value if stored is None else stored[value], i)
        for lookup, stored in lookups
        for value, i in enumerate(lookup)
        if i != NO_CLASS
    }
    meant |= {(IGNORE, IGNORE)} - {(value, IGNORE) for value, _ in meant}
    return [
        {
            "value": value,
            "id": i,
            "name": None if i == IGNORE else checked.schema.names[i],
            "pixels": counted.pixels.get(value, 0),
        }
        for value, i in sorted(meant)
        if i != IGNORE or value in counted.pixels
    ]


def _label_value_lines(values: list[dict[str, Any]]) -> list[str]:
    if not values:
        return []
    if all(entry["value"] == entry["id"] for entry in values):
        return ["the masks hold the ids themselves"]
    return [
        "values in the masks: value -> id, name",
        *(
            f"  {span:>5} -> " + (f"{entry['id']:3d}  {entry['name']}" if entry["name"] else "ignored")
            for span, entry in _value_spans(values)
        ),
    ]


def _value_spans(values: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """The values one by one; where they are many, as ranges of one class."""
    if len(values) <= _SHOWN:
        return [(str(entry["value"]), entry) for entry in values]
    found: list[list[dict[str, Any]]] = []
    for entry in values:
        last = found[-1][-1] if found else None
        if last and entry["id"] == last["id"] and entry["value"] == last["value"] + 1:
            found[-1].append(entry)
        else:
            found.append([entry])
    return [(str(run[0]["value"]) + (f"..{run[-1]['value']}" if len(run) > 1 else ""), run[0]) for run in found]


def _value_lines(values: list[dict[str, Any]], n_values: int, kind: str) -> list[str]:
    shown = [f"{entry['value']:8}  {entry['pixels']:12d}  {entry['share']:7.2%}" for entry in values]
    return [
        f"the masks hold {how_many(n_values, kind[:-1])} of unknown meaning: value, pixels, share",
        *_first(shown, n_values),
    ]
