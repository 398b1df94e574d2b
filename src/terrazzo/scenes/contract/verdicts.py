"""One scene judged by the label contract: its findings, and whether it is kept."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE, NO_CLASS, ClassSchema, format_color, unpack_color
from terrazzo.pixels.image_view import ImageView
from terrazzo.pixels.masks import NEAREST_DISTANCE, Translation, too_strange, translate, translate_ids
from terrazzo.scenes.contract.findings import Finding, Severity
from terrazzo.scenes.contract.mask_values import spans
from terrazzo.scenes.contract.reading import mask_view
from terrazzo.scenes.contract.survey import Probe, ProbedMask
from terrazzo.scenes.scene import Scene
from terrazzo.system.reporting import how_many, listed

_SHOWN = 3


@dataclass(frozen=True)
class CheckedScene:
    """An accepted scene: its size in pixels, and the hash of its decoded image."""

    scene: Scene
    height: int
    width: int
    pixel_hash: str
    is_plain: bool = False
    """Whether the image is of a single colour."""


@dataclass(frozen=True)
class Rules:
    """The rules that scenes are judged by."""

    schema: ClassSchema
    is_color: bool
    """Whether the masks hold colours; else ids."""
    label_ids: tuple[int, ...]
    """The class of each id in the full table: 255 for ignored classes, the others close up."""
    void: frozenset[int]
    """The packed colours of pixels without a class, without those of ignored classes."""
    bad: str
    unknown: str
    least_side: int
    """Height and width below which an image gives no patch."""
    values: tuple[int, ...] | None = None
    """The class of each value in masks of ids: 255 for none, -1 for unknown values; None: the value itself."""
    ignore_values: frozenset[int] = frozenset()
    """Values of masks of ids that mean no class, whatever the tables say."""

    def lookup(self, scene: Scene) -> tuple[int, ...]:
        """The class of each value in a scene's id mask, by the layout's own table and then by this one."""
        own = self.values if scene.label_ids is None else scene.label_ids
        if own is None:
            own = tuple(range(len(self.label_ids)))
        closed = [i if i == NO_CLASS else self.label_ids[i] if i < len(self.label_ids) else IGNORE for i in own]
        closed += [NO_CLASS] * (max(self.ignore_values, default=-1) + 1 - len(closed))
        return tuple(IGNORE if value in self.ignore_values else i for value, i in enumerate(closed))


@dataclass(frozen=True, eq=False)
class Verdict:
    """One scene judged."""

    findings: tuple[Finding, ...]
    kept: CheckedScene | None = None
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    """Pixels of each id, (256,)."""
    ignored: tuple[tuple[int, int], ...] = ()
    """(packed colour or id, pixels) of each value in the mask that means no class."""
    is_blank: bool = False
    """Whether the scene is left out because its mask has no pixel of a class."""
    n_snapped: int = 0
    n_far: int = 0


def judge_scene(probe: Probe, rules: Rules) -> Verdict:
    """The findings on one scene; it is kept if both files can be read, belong together and hold known values.

    A scene whose mask has no pixel of any class is left out and counted: it can neither teach nor score. Colours in no
    class are findings on a kept scene; `rules.unknown` decides whether they refuse the data set.
    """
    label, mask, size = probe.scene.label.where, probe.mask, probe.size
    if mask is None or size is None:
        return Verdict(tuple(offence("unreadable", rules.bad, file, problem) for file, problem in probe.troubles))
    if size != mask.size:
        mask_size, image_size = (f"{width}x{height}" for height, width in (mask.size, size))
        upright = " once turned upright by EXIF" if probe.turned and size == mask.size[::-1] else ""
        detail = f"is {mask_size} pixels, its image {image_size}{upright}"
        return Verdict((offence("size", rules.bad, label, detail),))
    if mask.is_color != rules.is_color:
        here, elsewhere = ("colours", "ids") if mask.is_color else ("ids", "colours")
        return Verdict((offence("mixed", rules.bad, label, f"holds {here} where most masks hold {elsewhere}"),))
    scene, meaning = _understood(probe.scene, mask, rules)
    if meaning.unknown.any() and not rules.is_color:
        return Verdict((_out_of_range(probe, mask, meaning, rules),))
    height, width = ImageView(downsample=probe.downsample).reduced(size)
    findings = [
        *_small(scene, (height, width), rules.least_side),
        *_colors_in_no_class(probe, mask, meaning, rules),
    ]
    known = (meaning.ids == IGNORE) & ~meaning.unknown & ~meaning.mapped
    ignored = tuple(zip(mask.tally.values[known].tolist(), mask.tally.counts[known].tolist(), strict=True))
    pixels = np.bincount(meaning.ids, weights=mask.tally.counts, minlength=256).astype(np.int64)
    blank = not pixels[:IGNORE].any()
    kept = None if blank else CheckedScene(scene, height, width, probe.pixel_hash, probe.is_plain)
    return Verdict(tuple(findings), kept, pixels, ignored, blank, mask.n_snapped, mask.n_far)


def offence(kind: str, policy: str, file: str, detail: str) -> Finding:
    """A finding that refuses the data set or, under the policy `skip`, leaves the scene out."""
    if policy == "skip":
        return Finding(kind, "warn", file, f"{detail}: left out")
    return Finding(kind, "refuse", file, detail)


def _understood(scene: Scene, mask: ProbedMask, rules: Rules) -> tuple[Scene, Translation]:
    """The meaning of a mask's values, and the scene with the lookup that a second reading needs."""
    if rules.is_color:
        return scene, translate(mask.tally.values, rules.schema, rules.unknown)
    lookup = rules.lookup(scene)
    meaning = translate_ids(mask.tally.values, rules.schema.n_classes, lookup)
    if mask.stored is not None:
        lookup = tuple(lookup[value] if value < len(lookup) else NO_CLASS for value in mask.stored)
    return replace(scene, label_ids=lookup), meaning


def _out_of_range(probe: Probe, mask: ProbedMask, meaning: Translation, rules: Rules) -> Finding:
    values, count, example = _largest(probe, mask, meaning.unknown)
    known = [value for value, i in enumerate(rules.lookup(probe.scene)) if i != NO_CLASS and value != IGNORE]
    allowed = f"{spans(known)} and {IGNORE}"
    ids = listed([str(value) for value in values], _SHOWN)
    detail = f"{how_many(count, 'pixel')} of id {ids} out of range, which is {allowed}"
    return replace(offence("id-range", rules.bad, probe.scene.label.where, detail), count=count, example=example)


def _colors_in_no_class(probe: Probe, mask: ProbedMask, meaning: Translation, rules: Rules) -> list[Finding]:
    """Findings on void colours, on colours taken for the nearest class and on unknown ones."""
    findings, label, tally = [], probe.scene.label.where, mask.tally
    void = np.isin(tally.values, list(rules.void)) if rules.is_color else np.zeros(len(tally.values), np.bool_)
    if void.any():
        values, count, example = _largest(probe, mask, void)
        detail = f"{how_many(count, 'pixel')} of {_colors(values)} mean no class: ignored"
        findings.append(Finding("void", "note", label, detail, count, example))
    n_pixels, n_mapped = int(tally.counts.sum()), int(tally.counts[meaning.mapped].sum())
    if n_mapped:
        values, count, example = _largest(probe, mask, meaning.mapped)
        detail = f"{how_many(count, 'pixel')} ({count / n_pixels:.2%}) of {_colors(values)} taken for the nearest class"
        findings.append(Finding("nearest", "note", label, detail, count, example))
    if meaning.unknown.any():
        values, count, example = _largest(probe, mask, meaning.unknown)
        far = f" and farther than {NEAREST_DISTANCE:g} from every one" if rules.unknown == "nearest" else ""
        detail = f"{how_many(count, 'pixel')} of {_colors(values)} in no class{far}"
        refused = too_strange(rules.unknown, count, n_mapped, n_pixels)
        severity: Severity = "refuse" if refused else "warn"
        findings.append(Finding("unknown", severity, label, detail + ("" if refused else ": ignored"), count, example))
    return findings


def _small(scene: Scene, size: tuple[int, int], least_side: int) -> list[Finding]:
    if min(size) >= least_side:
        return []
    detail = f"is {size[1]}x{size[0]} pixels, smaller than a patch of {least_side}: gives no patch"
    return [Finding("small", "warn", scene.image.where, detail)]


def _largest(probe: Probe, mask: ProbedMask, which: NDArray[np.bool_]) -> tuple[list[int], int, tuple[int, int]]:
    """The marked values, most frequent first, their pixels, and (row, col) in the file where the first occurs."""
    tally, view = mask.tally, mask_view(probe.scene, probe.downsample)
    order = np.argsort(-tally.counts[which], kind="stable")
    width = ImageView(downsample=probe.downsample).reduced(mask.size)[1]
    example = view.in_file(divmod(int(tally.first[which][order[0]]), width), mask.size)
    return tally.values[which][order].tolist(), int(tally.counts[which].sum()), example


def _colors(values: list[int]) -> str:
    return listed([format_color(unpack_color(value)) for value in values], _SHOWN)
