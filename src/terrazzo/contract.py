"""The label contract: what must hold of images and masks before anything is made of them, and what was found.

Nothing is repaired or dropped silently: every exception is a policy of `LabelOptions`, and every file or pixel left
out is counted in the report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes import Classes, given_classes, resolve_classes, value_text
from terrazzo.errors import InputError
from terrazzo.findings import Finding, Report
from terrazzo.labels import NEAREST_DISTANCE, ids_of, read_mask
from terrazzo.reporting import Progress, silent
from terrazzo.schema import IGNORE, ClassSchema, pack_colors, unpack_color
from terrazzo.sources.detect import check_layout
from terrazzo.sources.scene import Scene
from terrazzo.sources.trees import natural_key
from terrazzo.survey import Census, Survey, census, survey
from terrazzo.verdicts import CheckedScene, Rules, Verdict, judge_scene, offence

__all__ = ["POLICIES", "Checked", "CheckedScene", "LabelOptions", "check", "judge", "read_label"]

POLICIES: Mapping[str, tuple[str, ...]] = {
    "unpaired": ("error", "skip"),
    "bad": ("error", "skip"),
    "unknown": ("error", "ignore", "nearest"),
    "fit": ("crop", "pad", "resize"),
}


@dataclass(frozen=True)
class LabelOptions:
    """How a data set is read and what is let pass. Raises InputError on values that an option does not take."""

    layout: str | None = None
    """The name of a layout; None: found by looking."""
    classes: Path | None = None
    """A table of names and colours, JSON or CSV; None: from the data or a known palette."""
    unpaired: str = "error"
    """Images without mask and masks without image: error, or skip."""
    bad: str = "error"
    """Unreadable files, differing sizes, ids out of range: error, or skip the scene."""
    unknown: str = "error"
    """Colours in no class: error, ignore, or nearest (within `labels.NEAREST_DISTANCE`)."""
    ignore_class: tuple[str, ...] = ()
    """Names of classes whose pixels are ignored; the other ids close up."""
    patch_size: int = 256
    fit: str = "crop"
    """How images become patches: crop, pad or resize."""

    def __post_init__(self) -> None:
        check_layout(self.layout)
        for name, allowed in POLICIES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"--{name} {getattr(self, name)}: no such choice; choose one of {', '.join(allowed)}")
        if self.patch_size < 1:
            raise InputError(f"--patch-size {self.patch_size}: must be a positive number of pixels")


@dataclass(frozen=True)
class Checked:
    """A data set with its classes, the scenes that are left, and the report."""

    layout: str
    schema: ClassSchema
    scenes: tuple[CheckedScene, ...]
    report: Report


def check(root: Path, options: LabelOptions, progress: Progress = silent) -> Checked:
    """A data set read once and judged; `report.refusal` tells whether the contract holds.

    Raises InputError where there is no data set, ClassTableError where the classes of its masks cannot be known.
    """
    given = given_classes(options.classes) if options.classes else None
    surveyed = survey(root, options.layout, progress)
    counted = census(surveyed.probes)
    return judge(surveyed, counted, resolve_classes(counted, surveyed.found, given, options.unknown), options)


def read_label(scene: Scene, schema: ClassSchema, unknown: str = "error") -> NDArray[np.uint8]:
    """The ids (H, W) of a scene's mask, ignore 255. Raises ImageError or LabelError where it breaks the contract."""
    return ids_of(read_mask(scene.label.read(), scene.label.where), schema, unknown, scene.label_ids)


def judge(surveyed: Survey, counted: Census, classes: Classes, options: LabelOptions) -> Checked:
    """The scenes of a survey that keep the contract, and the report on all of them."""
    rules = _rules(counted, classes.schema, options)
    verdicts = [judge_scene(probe, rules) for probe in surveyed.probes]
    left = [verdict for verdict in verdicts if verdict.kept]
    kept = tuple(verdict.kept for verdict in left if verdict.kept)
    findings = [
        *(offence("unpaired", options.unpaired, lone.asset.where, lone.problem) for lone in surveyed.found.unpaired),
        *(finding for verdict in verdicts for finding in verdict.findings),
        *_duplicates(kept),
    ]
    findings.sort(key=lambda finding: (natural_key(finding.file), finding.severity != "refuse"))
    pixels = sum((verdict.pixels for verdict in left), np.zeros(256, np.int64))
    findings += _on_the_whole(surveyed, rules, kept, pixels)
    if not any(finding.severity == "refuse" for finding in findings):
        findings += _nothing_to_cut(surveyed, rules, kept)
    report = Report(
        root=str(surveyed.root),
        layout=surveyed.found.layout,
        notes=(
            *classes.notes,
            *surveyed.found.notes,
            *_left_out(findings),
            *_ignored(left, counted, classes.schema, options),
            *_nearest(findings, int(pixels.sum())),
        ),
        findings=tuple(findings),
        schema=rules.schema,
        class_pixels=tuple(pixels[: rules.schema.n_classes].tolist()),
        ignored_pixels=int(pixels[IGNORE]),
        n_scenes=len(kept),
    )
    return Checked(surveyed.found.layout, rules.schema, kept, report)


def _rules(counted: Census, schema: ClassSchema, options: LabelOptions) -> Rules:
    left = schema.without(options.ignore_class)
    return Rules(
        left,
        counted.is_color,
        tuple(left.names.index(name) if name in left.names else IGNORE for name in schema.names),
        frozenset(pack_colors(np.array(schema.void_colors, np.uint8).reshape(-1, 3)).tolist()),
        options.bad,
        options.unknown,
        options.patch_size if options.fit == "crop" else 1,
    )


def _duplicates(kept: Sequence[CheckedScene]) -> list[Finding]:
    first: dict[str, str] = {}
    found = []
    for checked in kept:
        where = checked.scene.image.where
        if first.setdefault(checked.pixel_hash, where) != where:
            found.append(Finding("duplicate", "warn", where, f"is the same picture as {first[checked.pixel_hash]}"))
    return found


def _on_the_whole(
    surveyed: Survey, rules: Rules, kept: Sequence[CheckedScene], pixels: NDArray[np.int64]
) -> list[Finding]:
    """Findings that only all scenes together show."""
    absent = [name for i, name in enumerate(rules.schema.names) if kept and not pixels[i]]
    return [Finding("absent", "warn", str(surveyed.root), f"the class {name} never occurs", 0) for name in absent]


def _nothing_to_cut(surveyed: Survey, rules: Rules, kept: Sequence[CheckedScene]) -> list[Finding]:
    root, total = str(surveyed.root), len(surveyed.probes)
    if not kept:
        return [Finding("nothing-left", "refuse", root, f"none of its {total} scenes can be used", total)]
    if all(min(scene.height, scene.width) < rules.least_side for scene in kept):
        detail = f"all {len(kept)} images are smaller than a patch of {rules.least_side} pixels"
        return [Finding("small", "refuse", root, detail, len(kept))]
    return []


def _left_out(findings: Sequence[Finding]) -> list[str]:
    """Counted lines on the files and scenes that a policy leaves out."""
    warned = [finding for finding in findings if finding.severity == "warn"]
    lone = sum(finding.kind == "unpaired" for finding in warned)
    bad = len({finding.file for finding in warned if finding.kind in ("unreadable", "size", "mixed", "id-range")})
    return [
        *([f"left out: {lone} files without a partner (--unpaired skip)"] if lone else []),
        *([f"left out: the scenes of {bad} files that cannot be used (--bad skip)"] if bad else []),
    ]


def _ignored(left: Sequence[Verdict], counted: Census, schema: ClassSchema, options: LabelOptions) -> list[str]:
    """A counted line for each colour or id that is known to mean no class."""
    names: dict[int, str] = {}
    for name in options.ignore_class:
        color = schema.colors[schema.names.index(name)]
        value = next((v for v in counted.pixels if unpack_color(v) == color), -1)
        names[value if counted.is_color else schema.names.index(name)] = name
    totals: dict[int, list[int]] = {}
    for verdict in left:
        for value, count in verdict.ignored:
            totals.setdefault(value, []).append(count)
    all_pixels = max(sum(int(verdict.pixels.sum()) for verdict in left), 1)
    return [
        f"ignored: {sum(counts)} pixels ({sum(counts) / all_pixels:.2%}) of {value_text(counted, value)}, "
        f"{names.get(value, 'which means no class')}, in {len(counts)} files"
        for value, counts in totals.items()
    ]


def _nearest(findings: Sequence[Finding], n_pixels: int) -> list[str]:
    """A counted line on the pixels taken for the nearest class, and one on those too far from all."""
    mapped = sum(finding.count for finding in findings if finding.kind == "nearest")
    far = sum(finding.count for finding in findings if finding.kind == "unknown" and finding.severity == "warn")
    reach = f"at most {NEAREST_DISTANCE:g} away in RGB"
    return [
        *(
            [f"nearest: {mapped} pixels ({mapped / n_pixels:.2%}) taken for the nearest class, {reach}"]
            if mapped
            else []
        ),
        *([f"ignored: {far} pixels ({far / n_pixels:.2%}) of colours in no class"] if far else []),
    ]
