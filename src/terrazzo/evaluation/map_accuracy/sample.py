"""A random sample of a finished map, for people to say what is on the ground: the public function."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from terrazzo.errors import InputError, OutputExistsError
from terrazzo.system.options import Option, Overwrite
from terrazzo.system.reporting import Progress, Say, as_html, how_many, quiet, silent

if TYPE_CHECKING:
    from terrazzo.evaluation.map_accuracy.points_file import StrataTable
    from terrazzo.evaluation.map_accuracy.survey import Survey
    from terrazzo.scenes.class_map import ClassMap

MOST_POINTS = 1_000_000
SUFFIX = ".gpkg"
UNEQUAL = 0.01
"""Pixels whose areas differ by more than this share make a sample of pixels another than one of the ground."""


@dataclass(frozen=True)
class Sampled:
    """A sample of a map, and where it was written."""

    path: Path
    kept: bool
    """A sample of the same map, size and seed was there already."""
    points: int
    strata: int

    def lines(self) -> list[str]:
        """What was drawn, for a terminal."""
        return [f"{how_many(self.points, 'point')} in {self.strata} strata, the classes of the map"]

    def _repr_html_(self) -> str:
        return as_html([*self.lines(), str(self.path)])


def sample(
    map: Annotated[str | Path, Option("A folder that predict wrote, or a classes.tif.")],
    *,
    points: Annotated[int, Option("How many points, at least 20 for each class on the map.")] = 300,
    out: Annotated[str | Path, Option("The points to write, a .gpkg.")],
    seed: Annotated[int, Option("Another seed is another sample.")] = 0,
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Sampled:
    """Draw a stratified random sample of a finished map, to be labelled by people who do not see the map.

    The strata are the classes of the map. Each gets at least 20 points, or all its pixels, and the rest is shared in
    proportion to area (Olofsson et al. 2014, doi 10.1016/j.rse.2014.02.015). The layer `points` has `id`, `stratum`,
    `weight` and an empty `reference`; the table `strata` says which class each stratum is, and its area. Fill in
    `reference`, then `evaluate` the map with `truth`.

    A finished sample of the same map, size and seed is kept, with whatever was filled in. `overwrite` replaces a sample
    only where nothing was filled in.

    Raises InputError (arguments, maps), ImageError and OutputExistsError.
    """
    target = Path(out)
    if not 0 < points <= MOST_POINTS:
        raise InputError(f"--points {points}: expected 1 to {MOST_POINTS}")
    if not 0 <= seed < 2**31:
        raise InputError(f"--seed {seed}: expected 0 to {2**31 - 1}")
    if target.suffix.lower() != SUFFIX:
        raise InputError(f"--out {target}: expected a name that ends in {SUFFIX}")
    if target.is_dir():
        raise OutputExistsError(f"{target}: is a folder; --out takes the name of a file")
    from terrazzo.evaluation.map_accuracy.allocation import AT_LEAST, allocate, least_points
    from terrazzo.evaluation.map_accuracy.points_file import has_strata, read_strata
    from terrazzo.evaluation.map_accuracy.survey import survey
    from terrazzo.scenes.class_map import open_map
    from terrazzo.system.files import digest, refuse_existing

    found = open_map(Path(map))
    earlier = read_strata(target) if target.is_file() and has_strata(target) else None
    if target.is_file() and overwrite:
        _refuse_loss(target, earlier)
    counted = survey(found, progress)
    key = digest("sample", counted.digest, str(points), str(seed))
    if earlier is not None and earlier.key == key and not overwrite:
        return Sampled(target, True, int(earlier.points.sum()), len(earlier.numbers))
    refuse_existing(target, "a sample", overwrite)
    least = least_points(counted.pixels)
    if points < min(least.sum(), counted.pixels.sum()):
        classes = how_many(int((least > 0).sum()), "class")
        raise InputError(f"--points {points}: too few for {classes}; expected at least {least.sum()}, {AT_LEAST} each")
    for note in notes_of(found, counted):
        say(note)
    each = allocate(counted.pixels, points)
    for name, size, n in zip(counted.names, counted.pixels.tolist(), each.tolist(), strict=True):
        if 0 < size == n:
            say(f"{found.path}: all {how_many(size, 'pixel')} of {name} are in the sample, as there are no more")
    table = _draw(found, counted, each.tolist(), _Order(target, seed, key, progress))
    return Sampled(target, False, int(each.sum()), len(table.numbers))


def notes_of(found: "ClassMap", counted: "Survey") -> list[str]:
    """What the user should know of a map whose pixels have no area, or unequal ones."""
    if counted.m2 is None:
        return [f"{found.path}: has no coordinate reference system of the Earth; strata are weighed by their pixels"]
    if counted.spread <= UNEQUAL:
        return []
    return [
        f"warning: {found.path}: its largest pixel has {100 * counted.spread:.0f} % more area than its smallest, and a "
        "sample of pixels favours small ones; warp the map to an equal-area projection (gdalwarp -r near)"
    ]


def _refuse_loss(target: Path, earlier: "StrataTable | None") -> None:
    """Raise OutputExistsError if the file in the way is no sample, or holds what somebody filled in."""
    from terrazzo.evaluation.map_accuracy.points_file import count_labelled

    if earlier is None:
        raise OutputExistsError(
            f"{target}: is no sample of points, so --overwrite does not replace it; move it away, or choose another "
            "--out"
        )
    if n := count_labelled(target):
        raise OutputExistsError(
            f"{target}: holds references of {how_many(n, 'point')}, so --overwrite does not replace it; "
            "move it away, or choose another --out"
        )


@dataclass(frozen=True)
class _Order:
    """What is drawn by which seed, and where it goes."""

    target: Path
    seed: int
    key: str
    progress: Progress


def _draw(found: "ClassMap", counted: "Survey", each: list[int], order: _Order) -> "StrataTable":
    """Draw so many points of each class, and write them."""
    import numpy as np

    from terrazzo.evaluation.map_accuracy.drawing import draw
    from terrazzo.evaluation.map_accuracy.points_file import StrataTable, write_points
    from terrazzo.pixels.bounds import moved

    drawn = draw(found, counted, each, order.seed, order.progress)
    there = np.flatnonzero(np.array(each))
    # Numbers from another stream than the places': they tell nothing of either.
    shuffled = np.random.default_rng([order.seed, 1]).permutation(there)
    number_of = np.zeros(len(each), np.int64)
    number_of[shuffled] = np.arange(1, len(shuffled) + 1)
    area = np.full(len(each), np.nan) if counted.m2 is None else counted.m2 / 10_000
    table = StrataTable(
        np.arange(1, len(shuffled) + 1),
        np.array(counted.ids)[shuffled],
        tuple(counted.names[k] for k in shuffled),
        counted.pixels[shuffled],
        area[shuffled],
        np.array(each)[shuffled],
        counted.digest,
        counted.grid,
        order.key,
    )
    centres = np.column_stack([drawn.cols, drawn.rows]).astype(np.float64) + 0.5
    xy = moved(found.to_place, centres)
    crs = found.raster.crs
    write_points(order.target, xy, number_of[drawn.classes], table, crs.to_wkt() if crs is not None else None)
    return table
