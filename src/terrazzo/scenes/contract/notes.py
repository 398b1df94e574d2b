"""The notes of a report: counts of what was left out, downsampled, blank, ignored or remapped."""

from collections.abc import Mapping, Sequence

from terrazzo.classes.schema import IGNORE, unpack_color
from terrazzo.pixels.masks import NEAREST_DISTANCE
from terrazzo.scenes.contract.census import Census, value_text
from terrazzo.scenes.contract.findings import Finding
from terrazzo.scenes.contract.mask_classes import Classes
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.contract.survey import Survey
from terrazzo.scenes.contract.verdicts import Verdict
from terrazzo.scenes.overlaps import overlap_notes
from terrazzo.system.reporting import how_many

_SHOWN = 8
"""More ids of no class than these are counted together."""


def left_out(findings: Sequence[Finding]) -> list[str]:
    """Counts of the files and scenes that a policy leaves out."""
    warned = [finding for finding in findings if finding.severity == "warn"]
    lone = sum(finding.kind == "unpaired" for finding in warned)
    bad = len({finding.file for finding in warned if finding.kind in ("unreadable", "size", "mixed", "id-range")})
    return [
        *([f"left out: {how_many(lone, 'file')} without a partner (--unpaired skip)"] if lone else []),
        *([f"left out: the scenes of {how_many(bad, 'file')} that cannot be used (--bad skip)"] if bad else []),
    ]


def smaller(downsample: float) -> list[str]:
    """A line on the scale, unless it is 1."""
    if downsample < 1:
        return [f"enlarged: images and masks are read and counted at {1 / downsample:g} of their height and width"]
    note = f"downsampled: images and masks are read and counted at 1/{downsample:g} of their height and width"
    return [] if downsample == 1 else [note]


def turned(surveyed: Survey) -> list[str]:
    """The count of images that EXIF turned, as masks drawn on the picture as stored would not fit."""
    names = [probe.scene.image.name for probe in surveyed.probes if probe.turned]
    return [f"turned upright by EXIF: {how_many(len(names), 'image')}, e.g. {names[0]}"] if names else []


def blank(verdicts: Sequence[Verdict]) -> list[str]:
    """The count of scenes without a pixel of any class."""
    n = sum(verdict.is_blank for verdict in verdicts)
    return [f"left out: {how_many(n, 'scene')} whose masks hold no pixel of any class"] if n else []


def snapped(left: Sequence[Verdict], n_pixels: int) -> list[str]:
    """Counts of pixels in masks whose colours have compression losses."""
    lossy = next((v.kept.scene.lossy for v in left if v.kept and v.kept.scene.lossy), None)
    if lossy is None:
        return []
    n_snapped, n_far = sum(verdict.n_snapped for verdict in left), sum(verdict.n_far for verdict in left)
    return [
        f"lossy masks: {n_snapped} pixels ({n_snapped / n_pixels:.2%}) off the palette taken for the nearest colour, "
        f"at most {lossy.distance:g} away in RGB; {n_far} pixels ({n_far / n_pixels:.2%}) farther off: ignored"
    ]


def drawn(surveyed: Survey) -> list[str]:
    """Of labels drawn from polygons: pixels in polygons of different classes, and polygons outside their images."""
    masks = [probe.mask for probe in surveyed.probes if probe.mask]
    n_outside, files = sum(mask.n_outside for mask in masks), sum(mask.n_outside > 0 for mask in masks)
    outside = f"left out: {how_many(n_outside, 'polygon')} outside the image, in {how_many(files, 'image')}"
    return [*overlap_notes(sum(mask.n_twice for mask in masks)), *([outside] if n_outside else [])]


def named_values(surveyed: Survey, counted: Census, classes: Classes, options: LabelOptions) -> dict[int, str]:
    """The names of the ignored classes by their colour or id in the masks."""
    schema = classes.schema
    ids = next((scene.label_ids for scene in surveyed.found.scenes if scene.label_ids), classes.label_ids)
    ids = tuple(range(schema.n_classes)) if ids is None else ids
    drawn = bool(surveyed.found.names) and options.background is None
    names = {IGNORE: "outside every polygon (--background NAME makes it a class)"} if drawn else {}
    for name in classes.to_ignore(options.ignore_class):
        i = schema.names.index(name)
        if counted.is_color:
            names |= {value: name for value in counted.pixels if unpack_color(value) == schema.colors[i]}
        else:
            names |= {value: name for value, meant in enumerate(ids) if meant == i}
    return names


def ignored(left: Sequence[Verdict], counted: Census, names: Mapping[int, str]) -> list[str]:
    """A count for each colour or id that means no class, with the first file."""
    totals: dict[int, list[int]] = {}
    first: dict[int, str] = {}
    for verdict in left:
        for value, count in verdict.ignored:
            totals.setdefault(value, []).append(count)
            first.setdefault(value, verdict.kept.scene.label.name if verdict.kept else "")
    all_pixels = max(sum(int(verdict.pixels.sum()) for verdict in left), 1)
    nameless = [value for value in totals if value not in names]
    lines = []
    if not counted.is_color and len(nameless) > _SHOWN:
        gone = sum(sum(totals.pop(value)) for value in nameless)
        lines.append(f"ignored: {how_many(gone, 'pixel')} ({gone / all_pixels:.2%}) of {len(nameless)} ids in no class")
    return lines + [
        f"ignored: {how_many(sum(counts), 'pixel')} ({sum(counts) / all_pixels:.2%}) of {value_text(counted, value)}"
        f"{f', {names[value]}' if value in names else ''}, in {how_many(len(counts), 'file')}, e.g. {first[value]}"
        for value, counts in totals.items()
    ]


def nearest(findings: Sequence[Finding], n_pixels: int) -> list[str]:
    """Counts of the pixels taken for the nearest class, and of those too far from all."""
    mapped = sum(finding.count for finding in findings if finding.kind == "nearest")
    far = sum(finding.count for finding in findings if finding.kind == "unknown" and finding.severity == "warn")
    taken = f"({mapped / max(n_pixels, 1):.2%}) taken for the nearest class, at most {NEAREST_DISTANCE:g} away in RGB"
    return [
        *([f"nearest: {how_many(mapped, 'pixel')} {taken}"] if mapped else []),
        *([f"ignored: {how_many(far, 'pixel')} ({far / n_pixels:.2%}) of colours in no class"] if far else []),
    ]
