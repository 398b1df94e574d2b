"""Whether masks that hold colours are read as colours, or as ids: a palette's indices, or three equal channels.

One reading for all masks of a data set: the classes' table decides which, and without a table the masks do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.given import GivenTable
from terrazzo.classes.schema import IGNORE, format_color, pack_colors, unpack_color
from terrazzo.classes.table_forms.registry import WAYS
from terrazzo.classes.tables import ClassTable, parse_table, table_text
from terrazzo.errors import ClassTableError, ImageError
from terrazzo.pixels.masks import ValueCounts
from terrazzo.scenes.contract.known_classes import AGREEMENT
from terrazzo.scenes.contract.survey import Probe, ProbedMask, Survey
from terrazzo.scenes.pairing.folders import class_tables
from terrazzo.scenes.scene import Found

INDICES_NOTE = "the masks are palette images, and the table gives ids: the indices are the ids, whatever their colours"
CHANNELS_NOTE = "the masks' three channels are equal: they are read as one channel"


def settled(surveyed: Survey, given: GivenTable | None, by_palette: bool = False) -> Survey:
    """The survey with its masks as colours or ids, by the user's table or else the data's own.

    With `by_palette`, where the user asks for a known palette, they stay colours. `problem` of the result is set where
    colours must decide and cannot.
    """
    found = surveyed.found
    probes = [probe for probe in surveyed.probes if probe.mask is not None]
    fixed = found.classes is not None or any(scene.label_ids is not None or scene.lossy for scene in found.scenes)
    if fixed or not any(probe.mask and probe.mask.is_color for probe in probes):
        return surveyed
    masks = _Masks(tuple(probes))
    table = given.table if given else _own_table(found, masks)
    choice = _by_colors(masks) if by_palette else _choice(masks, table, void_known=bool(found.void_colors))
    changed = {"indices": _as_indices, "greys": _as_greys}.get(choice.reading)
    if changed is None:
        return replace(surveyed, problem=choice.problem)
    return replace(surveyed, probes=tuple(changed(probe) for probe in surveyed.probes), notes=choice.notes)


@dataclass(frozen=True)
class _Choice:
    reading: str
    """`colors`, `indices` or `greys`."""
    notes: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, eq=False)
class _Masks:
    """The readable masks of a data set."""

    probes: tuple[Probe, ...]

    def __iter__(self) -> Iterator[ProbedMask]:
        return (probe.mask for probe in self.probes if probe.mask)

    @property
    def all_palettes(self) -> bool:
        """Whether every mask is a palette image, or has one channel already."""
        return all(mask.indices is not None or not mask.is_color for mask in self)

    @property
    def all_grey(self) -> bool:
        """Whether every mask has one channel or equal ones."""
        return all(not mask.is_color or _greys(mask.tally.values) is not None for mask in self)

    @property
    def all_black(self) -> bool:
        """Whether all pixels are 0, which may be an id as well as a colour."""
        return not any(mask.tally.values.any() for mask in self)

    def strangers(self) -> tuple[Probe, Probe, int] | None:
        """Two masks whose palettes give an index that one of them uses different colours; None if all share one."""
        first: dict[int, tuple[int, Probe]] = {}
        for probe in self.probes:
            for index, color in _used(probe.mask):
                if first.setdefault(index, (color, probe))[0] != color:
                    return first[index][1], probe, index
        for probe in self.probes:
            palette, length = _palette(probe.mask)
            for index, (color, other) in first.items():
                if index < length and palette[index] != color:
                    return other, probe, index
        return None

    def twins(self) -> tuple[Probe, int, int, int] | None:
        """A mask, two indices that it uses, and the colour that both have; None if there is no such mask."""
        for probe in self.probes:
            seen: dict[int, int] = {}
            for index, color in _used(probe.mask):
                if seen.setdefault(color, index) != index:
                    return probe, seen[color], index, color
        return None

    def share(self, reading: str, values: set[int]) -> float:
        """The share of the pixels whose value in a reading is one of these."""
        inside = total = 0
        for mask in self:
            tally = mask.indices if reading == "indices" and mask.indices is not None else mask.tally
            held = tally.values
            if reading == "greys" and mask.is_color:
                held = tally.values & 255
            inside += int(tally.counts[np.isin(held, list(values))].sum())
            total += int(tally.counts.sum())
        return inside / max(total, 1)


def _choice(masks: _Masks, table: ClassTable | None, void_known: bool) -> _Choice:
    may_be_color = masks.all_black and (table is None or table.has_colors)
    grey = masks.all_grey and not void_known and not may_be_color
    strangers = masks.strangers() if masks.all_palettes else None
    indexed = masks.all_palettes and strangers is None
    twins = masks.twins() if masks.all_palettes else None
    by_color = table is not None and table.has_colors and masks.share("colors", _colors(table)) > AGREEMENT
    if table is not None and (table.has_ids or not table.has_colors) and (twins is not None or not by_color):
        shares = {"indices": masks.share("indices", _values(table))} if indexed else {}
        shares |= {"greys": masks.share("greys", _values(table))} if grey else {}
        if shares.get("indices", 0) and shares["indices"] >= shares.get("greys", 0):
            return _Choice("indices", (INDICES_NOTE,))
        if not table.has_colors and strangers is not None and not grey:
            return _Choice("colors", problem=_strange(*strangers))
    if grey:
        channels = any(mask.is_color and mask.indices is None for mask in masks)
        return _Choice("greys", (CHANNELS_NOTE,) if channels else ())
    if twins is not None:
        return _Choice("indices") if table is None and indexed else _Choice("colors", problem=_same(*twins))
    return _Choice("colors")


def _by_colors(masks: _Masks) -> _Choice:
    twins = masks.twins()
    return _Choice("colors", problem=None if twins is None else _same(*twins))


def _agrees(masks: _Masks, table: ClassTable) -> bool:
    """Whether a table among the data's files can be meant for these masks."""
    share = masks.share("colors", _colors(table)) if table.has_colors else 0.0
    if masks.all_palettes and masks.strangers() is None:
        share = max(share, masks.share("indices", _values(table)))
    if masks.all_grey:
        share = max(share, masks.share("greys", _values(table)))
    return share > AGREEMENT


def _as_indices(probe: Probe) -> Probe:
    if probe.mask is None or probe.mask.indices is None:
        return probe
    return replace(probe, mask=replace(probe.mask, is_color=False, tally=probe.mask.indices))


def _as_greys(probe: Probe) -> Probe:
    """The mask by its greys; of a palette image `stored` says which grey an index stands for."""
    mask = probe.mask
    if mask is None or not mask.is_color:
        return probe
    tally = ValueCounts(mask.tally.values & 255, mask.tally.counts, mask.tally.first)
    stored = None if mask.palette is None else tuple((mask.palette & 255).tolist())
    return replace(probe, mask=replace(mask, is_color=False, tally=tally, stored=stored))


def _own_table(found: Found, masks: _Masks) -> ClassTable | None:
    """The first table among the data's files that can be meant for these masks."""
    for asset in class_tables(found.class_table.tree) if found.class_table else ():
        try:
            table = parse_table(table_text(asset.read(), ""), "")
        except (ImageError, ClassTableError):
            continue  # reported where the classes are resolved
        if _agrees(masks, table):
            return table
    return None


def _values(table: ClassTable) -> set[int]:
    return {IGNORE, *(value for value, _ in table.pairs()), *(value for _, value in table.ignored)}


def _colors(table: ClassTable) -> set[int]:
    schema = table.schema
    colors = [*schema.colors, *(color for color, _ in schema.merged), *schema.void_colors]
    return set(pack_colors(np.array(colors, np.uint8)).tolist())


def _greys(packed: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The greys of packed colours; None if one of them is no grey."""
    greys: NDArray[np.int64] = packed & 255
    return greys if np.array_equal(greys * 0x010101, packed) else None


def _used(mask: ProbedMask | None) -> Sequence[tuple[int, int]]:
    """Each index that a mask uses, with its packed colour."""
    if mask is None or mask.indices is None or mask.palette is None:
        return ()
    used = mask.indices.values
    return tuple(zip(used.tolist(), mask.palette[used].tolist(), strict=True))


def _palette(mask: ProbedMask | None) -> tuple[NDArray[np.int64], int]:
    """The packed colours of a palette, and how many it has: it is filled up with black."""
    if mask is None or mask.palette is None:
        return np.zeros(0, np.int64), 0
    return mask.palette, int(np.flatnonzero(mask.palette).max(initial=-1)) + 1


def _strange(one: Probe, other: Probe, index: int) -> str:
    names = f"{one.scene.label.where} and {other.scene.label.name}"
    return (
        f"{names}: palette images whose palettes differ at index {index}, so the indices are no ids; "
        f"give a table with the colours of the classes ({WAYS})"
    )


def _same(probe: Probe, one: int, other: int, color: int) -> str:
    return (
        f"{probe.scene.label.where}: the indices {one} and {other} of its palette both have the colour "
        f"{format_color(unpack_color(color))}, so colours do not tell their classes apart; "
        "give a table of the indices (id,name) without colours (name,color)"
    )
