"""The label contract: what must hold of images and masks before patches are cut.

Nothing is repaired or dropped silently: every exception is a policy of `LabelOptions`, and the report counts every
file and pixel left out.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE, ClassSchema, pack_colors
from terrazzo.errors import ClassTableError
from terrazzo.pixels.masks import ids_of
from terrazzo.scenes.contract.census import Census
from terrazzo.scenes.contract.findings import Finding, Report
from terrazzo.scenes.contract.label_classes import classes_of
from terrazzo.scenes.contract.mask_classes import Classes
from terrazzo.scenes.contract.notes import (
    blank,
    drawn,
    ignored,
    left_out,
    named_values,
    nearest,
    smaller,
    snapped,
    turned,
)
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.contract.reading import Reader
from terrazzo.scenes.contract.readings import settled
from terrazzo.scenes.contract.survey import Survey, census, survey
from terrazzo.scenes.contract.verdicts import CheckedScene, Rules, judge_scene, offence
from terrazzo.scenes.scene import Found, Scene
from terrazzo.scenes.trees import natural_key
from terrazzo.system.reporting import Progress, silent

_SHOWN_COPIES = 4


@dataclass(frozen=True)
class Checked:
    """A data set with its classes, the scenes that are left, and the report."""

    layout: str
    schema: ClassSchema
    scenes: tuple[CheckedScene, ...]
    report: Report


def check(
    root: Path,
    found: Found,
    options: LabelOptions,
    least_side: int = 1,
    progress: Progress = silent,
    reader: Reader | None = None,
) -> Checked:
    """The scenes found at `root`, read once and judged; `report.refusal` says whether the contract holds.

    Images with a side below `least_side` pixels give no patch. A `reader` that keeps what it read saves a second
    decoding. Raises ClassTableError if the classes of the masks cannot be known.
    """
    given = options.given()
    if given is None and found.classes is not None and found.classes.schema is None:
        raise ClassTableError(f"{root}: {found.classes.note}")  # before minutes of reading
    read = survey(root, found, progress, reader or Reader(options.downsample))
    surveyed = settled(read, given, options.palette is not None)
    if surveyed.problem is not None:
        raise ClassTableError(surveyed.problem)
    counted = census(surveyed.probes)
    classes = classes_of(found, counted, given, options, shlex.join(found.words or [str(root)]))
    return judge(surveyed, counted, classes, options, least_side)


def read_label(
    scene: Scene, schema: ClassSchema, unknown: str = "error", reader: Reader | None = None
) -> NDArray[np.uint8]:
    """The ids (H, W) of a scene's mask, ignore 255. Raises ImageError or LabelError if it breaks the contract."""
    return ids_of((reader or Reader()).mask(scene), schema, unknown, scene.label_ids)


def judge(surveyed: Survey, counted: Census, classes: Classes, options: LabelOptions, least_side: int = 1) -> Checked:
    """The scenes of a survey that keep the contract, and the report on all of them."""
    rules = _rules(counted, classes, options, least_side)
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
    if options.of_model is None:  # a few corrections need not hold every class of their model
        findings += _on_the_whole(surveyed, rules, kept, pixels)
    if not any(finding.severity == "refuse" for finding in findings):
        findings += _nothing_to_cut(surveyed, rules, kept)
    report = Report(
        root=str(surveyed.root),
        layout=surveyed.found.layout,
        notes=(
            *classes.notes,
            *surveyed.notes,
            *surveyed.found.notes,
            *smaller(options.downsample),
            *turned(surveyed),
            *left_out(findings),
            *blank(verdicts),
            *ignored(left, counted, named_values(surveyed, counted, classes, options)),
            *nearest(findings, int(pixels.sum())),
            *snapped(left, int(pixels.sum())),
            *drawn(surveyed),
        ),
        findings=tuple(findings),
        schema=rules.schema,
        class_pixels=tuple(pixels[: rules.schema.n_classes].tolist()),
        ignored_pixels=int(pixels[IGNORE]),
        n_scenes=len(kept),
    )
    return Checked(surveyed.found.layout, rules.schema, kept, report)


def _rules(counted: Census, classes: Classes, options: LabelOptions, least_side: int) -> Rules:
    schema = classes.schema
    left = schema.without(classes.to_ignore(options.ignore_class))
    return Rules(
        left,
        counted.is_color,
        tuple(left.names.index(name) if name in left.names else IGNORE for name in schema.names),
        frozenset(pack_colors(np.array(schema.void_colors, np.uint8).reshape(-1, 3)).tolist()),
        options.bad,
        options.unknown,
        least_side,
        classes.label_ids,
        frozenset(options.ignore_value),
    )


def _duplicates(kept: Sequence[CheckedScene]) -> list[Finding]:
    """A finding for each copy of a picture that came before; one for all of them where they are many."""
    first: dict[str, str] = {}
    found = []
    for checked in kept:
        where = checked.scene.image.where
        if first.setdefault(checked.pixel_hash, where) != where:
            found.append(Finding("duplicate", "warn", where, f"is the same picture as {first[checked.pixel_hash]}"))
    if len(found) <= _SHOWN_COPIES:
        return found
    more = f"{found[0].detail}; {len(found) - 1} more of the {len(kept)} pictures are copies of others"
    return [replace(found[0], detail=more, count=len(found))]


def _on_the_whole(
    surveyed: Survey, rules: Rules, kept: Sequence[CheckedScene], pixels: NDArray[np.int64]
) -> list[Finding]:
    """Findings on the data set as a whole."""
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
