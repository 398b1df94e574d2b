"""The label contract: what must hold of images and masks before anything is made of them, and what was found.

Nothing is repaired or dropped silently: every exception is a policy of `LabelOptions`, and every file or pixel left
out is counted in the report.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE, ClassSchema, pack_colors, unpack_color
from terrazzo.errors import ClassTableError, InputError
from terrazzo.pixels.masks import NEAREST_DISTANCE, ids_of
from terrazzo.scenes.contract.findings import Finding, Report
from terrazzo.scenes.contract.known_classes import Classes, given_classes, resolve_classes, value_text
from terrazzo.scenes.contract.mask_values import MAX_VALUES
from terrazzo.scenes.contract.reading import Reader
from terrazzo.scenes.contract.survey import Census, Survey, census, probe
from terrazzo.scenes.contract.verdicts import CheckedScene, Rules, Verdict, judge_scene, offence
from terrazzo.scenes.layouts.detect import check_layout, find_scenes
from terrazzo.scenes.scene import Scene
from terrazzo.scenes.trees import natural_key
from terrazzo.system.reporting import Progress, how_many, silent

__all__ = ["POLICIES", "Checked", "CheckedScene", "LabelOptions", "check", "judge", "read_label"]

POLICIES: Mapping[str, tuple[str, ...]] = {
    "unpaired": ("error", "skip"),
    "bad": ("error", "skip"),
    "unknown": ("error", "ignore", "nearest"),
    "fit": ("crop", "pad", "resize"),
}


MAX_DOWNSAMPLE = 64.0


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
    """Colours in no class: error, ignore, or nearest (within `labels.NEAREST_DISTANCE`). Ids are
    either ignored or an error."""
    ignore_class: tuple[str, ...] = ()
    """Names of classes whose pixels are ignored; the other ids close up."""
    patch_size: int = 256
    fit: str = "crop"
    """How images become patches: crop, pad or resize."""
    downsample: float = 1.0
    """Images and masks are read at 1 / this of their height and width (`images.View` states the laws)."""
    ignore_value: tuple[int, ...] = ()
    """Values of id masks that mean no class, beside 255 and what the class table says."""

    def __post_init__(self) -> None:
        check_layout(self.layout)
        for name, allowed in POLICIES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"--{name} {getattr(self, name)}: no such choice; choose one of {', '.join(allowed)}")
        if self.patch_size < 1:
            raise InputError(f"--patch-size {self.patch_size}: must be a positive number of pixels")
        if not 1 <= self.downsample <= MAX_DOWNSAMPLE:
            raise InputError(
                f"--downsample {self.downsample:g}: expected a number from 1 (as they are) to {MAX_DOWNSAMPLE:g}"
            )
        if wrong := [value for value in self.ignore_value if not 0 <= value < MAX_VALUES]:
            raise InputError(f"--ignore-value {wrong[0]}: expected a value that masks of ids hold, 0..{MAX_VALUES - 1}")


@dataclass(frozen=True)
class Checked:
    """A data set with its classes, the scenes that are left, and the report."""

    layout: str
    schema: ClassSchema
    scenes: tuple[CheckedScene, ...]
    report: Report


def check(root: Path, options: LabelOptions, progress: Progress = silent, reader: Reader | None = None) -> Checked:
    """A data set read once and judged; `report.refusal` tells whether the contract holds.

    `reader` reads at the scale of the options; one that keeps what it read serves the caller's second look.
    Raises InputError where there is no data set, ClassTableError where the classes of its masks cannot be known.
    """
    given = given_classes(options.classes) if options.classes else None
    found = find_scenes(root, options.layout)
    if given is None and found.classes is not None and found.classes.schema is None:
        raise ClassTableError(f"{root}: {found.classes.note}")  # before minutes of reading
    surveyed = probe(root, found, progress, reader or Reader(options.downsample))
    counted = census(surveyed.probes)
    classes = resolve_classes(counted, found, given, options.unknown, options.ignore_value, shlex.quote(str(root)))
    return judge(surveyed, counted, classes, options)


def read_label(
    scene: Scene, schema: ClassSchema, unknown: str = "error", reader: Reader | None = None
) -> NDArray[np.uint8]:
    """The ids (H, W) of a scene's mask, ignore 255. Raises ImageError or LabelError where it breaks the contract."""
    return ids_of((reader or Reader()).mask(scene), schema, unknown, scene.label_ids)


def judge(surveyed: Survey, counted: Census, classes: Classes, options: LabelOptions) -> Checked:
    """The scenes of a survey that keep the contract, and the report on all of them."""
    rules = _rules(counted, classes, options)
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
            *_smaller(options.downsample),
            *_left_out(findings),
            *_blank(verdicts),
            *_ignored(left, counted, _named_values(surveyed, counted, classes, options)),
            *_nearest(findings, int(pixels.sum())),
            *_snapped(left, int(pixels.sum())),
        ),
        findings=tuple(findings),
        schema=rules.schema,
        class_pixels=tuple(pixels[: rules.schema.n_classes].tolist()),
        ignored_pixels=int(pixels[IGNORE]),
        n_scenes=len(kept),
    )
    return Checked(surveyed.found.layout, rules.schema, kept, report)


def _rules(counted: Census, classes: Classes, options: LabelOptions) -> Rules:
    schema = classes.schema
    left = schema.without(classes.to_ignore(options.ignore_class))
    return Rules(
        left,
        counted.is_color,
        tuple(left.names.index(name) if name in left.names else IGNORE for name in schema.names),
        frozenset(pack_colors(np.array(schema.void_colors, np.uint8).reshape(-1, 3)).tolist()),
        options.bad,
        options.unknown,
        options.patch_size if options.fit == "crop" else 1,
        classes.label_ids,
        frozenset(options.ignore_value),
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
    if not absent:
        return []
    one, some = f"the class {absent[0]} never occurs", f"{len(absent)} classes never occur: {', '.join(absent)}"
    return [Finding("absent", "warn", str(surveyed.root), one if len(absent) == 1 else some, len(absent))]


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
        *([f"left out: {how_many(lone, 'file')} without a partner (--unpaired skip)"] if lone else []),
        *([f"left out: the scenes of {how_many(bad, 'file')} that cannot be used (--bad skip)"] if bad else []),
    ]


def _smaller(downsample: float) -> list[str]:
    if downsample == 1:
        return []
    return [f"downsampled: images and masks are read at 1/{downsample:g} of their height and width, pixels counted so"]


def _blank(verdicts: Sequence[Verdict]) -> list[str]:
    """A counted line on the scenes without a pixel of any class."""
    n = sum(verdict.is_blank for verdict in verdicts)
    return [f"left out: {how_many(n, 'scene')} whose masks hold no pixel of any class"] if n else []


def _snapped(left: Sequence[Verdict], n_pixels: int) -> list[str]:
    """A counted line on masks whose colours were saved with losses."""
    lossy = next((v.kept.scene.lossy for v in left if v.kept and v.kept.scene.lossy), None)
    if lossy is None:
        return []
    n_snapped, n_far = sum(verdict.n_snapped for verdict in left), sum(verdict.n_far for verdict in left)
    return [
        f"lossy masks: {n_snapped} pixels ({n_snapped / n_pixels:.2%}) off the palette taken for the nearest colour, "
        f"at most {lossy.distance:g} away in RGB; {n_far} pixels ({n_far / n_pixels:.2%}) farther off: ignored"
    ]


def _named_values(surveyed: Survey, counted: Census, classes: Classes, options: LabelOptions) -> dict[int, str]:
    """The names of the ignored classes by the colour or id that stands for them in the masks."""
    schema = classes.schema
    ids = next((scene.label_ids for scene in surveyed.found.scenes if scene.label_ids), classes.label_ids)
    ids = tuple(range(schema.n_classes)) if ids is None else ids
    names: dict[int, str] = {}
    for name in classes.to_ignore(options.ignore_class):
        i = schema.names.index(name)
        if counted.is_color:
            names |= {value: name for value in counted.pixels if unpack_color(value) == schema.colors[i]}
        else:
            names |= {value: name for value, meant in enumerate(ids) if meant == i}
    return names


def _ignored(left: Sequence[Verdict], counted: Census, names: Mapping[int, str]) -> list[str]:
    """A counted line for each colour or id that is known to mean no class."""
    totals: dict[int, list[int]] = {}
    for verdict in left:
        for value, count in verdict.ignored:
            totals.setdefault(value, []).append(count)
    all_pixels = max(sum(int(verdict.pixels.sum()) for verdict in left), 1)
    return [
        f"ignored: {how_many(sum(counts), 'pixel')} ({sum(counts) / all_pixels:.2%}) of {value_text(counted, value)}, "
        f"{names.get(value, 'which means no class')}, in {how_many(len(counts), 'file')}"
        for value, counts in totals.items()
    ]


def _nearest(findings: Sequence[Finding], n_pixels: int) -> list[str]:
    """A counted line on the pixels taken for the nearest class, and one on those too far from all."""
    mapped = sum(finding.count for finding in findings if finding.kind == "nearest")
    far = sum(finding.count for finding in findings if finding.kind == "unknown" and finding.severity == "warn")
    reach = f"at most {NEAREST_DISTANCE:g} away in RGB"
    return [
        *(
            [f"nearest: {how_many(mapped, 'pixel')} ({mapped / n_pixels:.2%}) taken for the nearest class, {reach}"]
            if mapped
            else []
        ),
        *([f"ignored: {how_many(far, 'pixel')} ({far / n_pixels:.2%}) of colours in no class"] if far else []),
    ]
