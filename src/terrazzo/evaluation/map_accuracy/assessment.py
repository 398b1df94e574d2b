"""A map against what is on the ground: which estimates the truth allows, and what was left out of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError
from terrazzo.evaluation.map_accuracy.estimators import Estimates, Sample, Strata, estimate
from terrazzo.evaluation.map_accuracy.points_file import StrataTable
from terrazzo.evaluation.map_accuracy.survey import Survey, survey
from terrazzo.evaluation.map_accuracy.truth import Areas, Points, class_numbers
from terrazzo.scenes.class_map import ClassMap
from terrazzo.system.reporting import Progress, how_many, listed

STRATIFIED, SIMPLE, NONE = "stratified", "simple", "none"
"""How the truth was drawn: by `sample`, at random from the whole map, or by no known rule."""
LEAST = 2
"""Points that a stratum needs for a standard error."""


@dataclass(frozen=True)
class Assessment:
    """What the truth says of a map."""

    survey: Survey
    design: str
    counts: NDArray[np.int64]
    """(K, K) points, or pixels of polygons: rows are the map's classes, columns the reference."""
    estimates: Estimates | None
    """None where the truth is no probability sample."""
    used: int
    """Points, or pixels, that count."""
    left_out: int = 0
    """Points without a reference or off the map; features that cannot be used."""
    notes: tuple[str, ...] = ()


def count_map(found: ClassMap, truth: Points | Areas, progress: Progress) -> tuple[Survey, NDArray[np.int64]]:
    """The survey of a map, and in the same pass what lies at the truth.

    Of points, the map's ids (n,), 255 where there are none. Of polygons, pixel counts (256, 256): ids of the map, and
    classes of the truth.
    """
    if isinstance(truth, Areas):
        cells = np.zeros((IGNORE + 1) ** 2, np.int64)

        def add(row: int, ids: NDArray[np.uint8]) -> None:
            there = truth.burnt.ids(row, 0, *ids.shape)
            cells[:] += np.bincount((ids.astype(np.int64) * (IGNORE + 1) + there).ravel(), minlength=len(cells))

        return survey(found, progress, add), cells.reshape(IGNORE + 1, IGNORE + 1)
    at = np.full(len(truth.rows), IGNORE, np.int64)
    on_grid = (truth.cols >= 0) & (truth.cols < found.raster.width)

    def look(row: int, ids: NDArray[np.uint8]) -> None:
        here = on_grid & (truth.rows >= row) & (truth.rows < row + len(ids))
        at[here] = ids[truth.rows[here] - row, truth.cols[here]]

    return survey(found, progress, look), at


def assess_areas(counted: Survey, truth: Areas, cells: NDArray[np.int64]) -> Assessment:
    """The accuracy on the pixels of polygons: no probability sample, so there are neither intervals nor areas."""
    counts = np.zeros((len(counted.ids),) * 2, np.int64)
    for column, k in enumerate(class_numbers(truth, counted.names).tolist()):
        counts[:, k] += cells[list(counted.ids), column]
    if not counts.any():
        raise InputError(f"--truth {truth.path}: no polygon with a reference covers a pixel of the map")
    note = f"{truth.path}: polygons are no probability sample of the map, so they give accuracy alone, and no areas"
    return Assessment(counted, NONE, counts, None, int(counts.sum()), truth.left_out, (note,))


def assess_points(counted: Survey, truth: Points, at: NDArray[np.int64], design: str) -> Assessment:
    """The accuracy at points of other origin than `sample`, and with the design SIMPLE also the areas.

    A simple random sample is stratified afterwards by the map's classes (Cochran 1977, section 5A.9), each class of n
    points weighed by its area. Classes with fewer than LEAST points are one stratum together.
    """
    reference, mapped = class_numbers(truth, counted.names), counted.index[at]
    usable = (reference >= 0) & (mapped >= 0)
    off = int(((reference >= 0) & (mapped < 0)).sum())
    _refuse_nothing(truth, usable)
    notes = [f"{truth.path}: {how_many(off, 'point')} off the map, left out"] if off else []
    mapped, reference, k = mapped[usable], reference[usable], len(counted.ids)
    if design == SIMPLE:
        if len(mapped) < LEAST:
            raise InputError(f"--truth {truth.path}: has one point with a reference; expected {LEAST} or more")
        strata, stratum, joined = _after_the_fact(counted, mapped)
        if joined:
            notes.append(f"{truth.path}: fewer than {LEAST} points each, one stratum together: {listed(joined)}")
        estimates = estimate(Sample(stratum, mapped, reference), strata, k)
        counts = estimates.counts
    else:
        estimates, counts = None, np.bincount(mapped * k + reference, minlength=k * k).reshape(k, k)
        notes.append(
            f"{truth.path}: is no sample by terrazzo sample, so it gives accuracy alone, and no areas; "
            "--design simple if the points are a simple random sample of the map"
        )
    left = len(usable) - int(usable.sum())
    return Assessment(counted, design, counts, estimates, len(mapped), left, tuple(notes))


def assess_sample(counted: Survey, truth: Points, at: NDArray[np.int64], table: StrataTable) -> Assessment:
    """The accuracy and the areas by a sample that `sample` drew, of this map or of an earlier one of the same ground.

    Raises InputError where the points are no longer those that were drawn, or a stratum has fewer than LEAST of them.
    """
    reference, mapped = class_numbers(truth, counted.names), counted.index[at]
    place = {number: h for h, number in enumerate(table.numbers.tolist())}
    stratum = np.array([place.get(number, -1) for number in (() if truth.stratum is None else truth.stratum.tolist())])
    if counted.grid != table.grid_digest:
        raise InputError(
            f"--truth {truth.path}: was drawn from a map of another grid or of other valid pixels; draw points of this "
            "one with terrazzo sample"
        )
    labelled = reference >= 0
    _refuse_nothing(truth, labelled)
    drawn = f"--truth {truth.path}: "
    times = Counter(truth.names)
    added = np.array([h < 0 or times[name] > 1 for name, h in zip(truth.names, stratum.tolist(), strict=True)])
    _refuse(_named(truth, labelled & added), drawn, "were not drawn by terrazzo sample, or twice; delete them")
    _refuse(_named(truth, labelled & (mapped < 0)), drawn, "lie off the map; move them back, or delete them")
    is_same = counted.digest == table.map_digest
    if is_same:
        own = counted.index[table.class_ids][stratum]
        _refuse(
            _named(truth, labelled & (mapped != own)),
            drawn,
            "were moved: the map has another class there than their stratum; move them back, or delete them",
        )
    kept = stratum[labelled]
    n = np.bincount(kept, minlength=len(table.numbers))
    few = [str(table.numbers[h]) for h in np.flatnonzero((n < LEAST) & (n < table.pixels))]
    if few:
        raise InputError(f"{drawn}fewer than {LEAST} points with a reference in stratum {listed(few)}; fill in more")
    notes = () if is_same else (f"{truth.path}: drawn from another map of the same ground; its strata are that map's",)
    estimates = estimate(
        Sample(kept, mapped[labelled], reference[labelled]), Strata(table.sizes, table.pixels), len(counted.ids)
    )
    used = int(labelled.sum())
    return Assessment(counted, STRATIFIED, estimates.counts, estimates, used, int(table.points.sum()) - used, notes)


def _after_the_fact(counted: Survey, mapped: NDArray[np.int64]) -> tuple[Strata, NDArray[np.int64], list[str]]:
    """The strata of a simple random sample, each point's, and the names of the classes that are one together."""
    n = np.bincount(mapped, minlength=len(counted.ids))
    there = counted.pixels > 0
    few = there & (n < LEAST) & (n < counted.pixels)
    own = np.flatnonzero(there & ~few)
    if few.any() and n[few].sum() < LEAST and len(own):
        few[own[np.argmin(counted.pixels[own])]] = True  # too few together as well: the smallest other joins them
        own = np.flatnonzero(there & ~few)
    groups = [np.array([k]) for k in own] + ([np.flatnonzero(few)] if few.any() else [])
    stratum_of = np.zeros(len(n), np.int64)
    for h, group in enumerate(groups):
        stratum_of[group] = h
    sizes = np.array([counted.sizes[group].sum() for group in groups])
    pixels = np.array([counted.pixels[group].sum() for group in groups])
    return Strata(sizes, pixels), stratum_of[mapped], [counted.names[k] for k in np.flatnonzero(few)]


def _named(truth: Points, which: NDArray[np.bool_]) -> list[str]:
    return [truth.names[i] for i in np.flatnonzero(which)]


def _refuse(names: Sequence[str], where: str, why: str) -> None:
    """Raise InputError if there are such points, naming them."""
    if names:
        raise InputError(f"{where}points {listed(names, 8)} {why}")


def _refuse_nothing(truth: Points, usable: NDArray[np.bool_]) -> None:
    """Raise InputError if no point can be used."""
    if not usable.any():
        if labelled := sum(map(bool, truth.references)):
            raise InputError(
                f"--truth {truth.path}: none of its {how_many(labelled, 'point')} with a reference lies on the map; "
                "give points of this place, or correct the CRS"
            )
        found = how_many(len(usable), "point")
        raise InputError(
            f"--truth {truth.path}: none of its {found} has a reference on the map; fill in the field reference "
            "with the class that is there"
        )
