"""The accuracy of a finished map at labelled points or in labelled polygons, as values and files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.system.reporting import Reporter, as_html


@dataclass(frozen=True)
class MapAccuracy:
    """The accuracy of a map, and where it was written."""

    scores: dict[str, Any]
    out: Path | None
    kept: bool
    """A report of the same map, truth and design was there already."""

    @property
    def files(self) -> list[Path]:
        """The files of the report; none without `out`."""
        from terrazzo.evaluation.map_accuracy.accuracy_report import SCORES, tables_of

        return [] if self.out is None else [self.out / name for name in (SCORES, *tables_of(self.scores))]

    def lines(self) -> list[str]:
        """The scores as lines for a terminal, one a class."""
        from terrazzo.evaluation.map_accuracy.accuracy_report import lines_of

        return lines_of(self.scores)

    def _repr_html_(self) -> str:
        return as_html(self.lines())


@dataclass(frozen=True)
class MapRequest:
    """A map, its truth, and how that was drawn where its file does not say."""

    map: Path
    truth: Path
    design: str | None
    out: Path | None
    overwrite: bool


def score_map(request: MapRequest, reporter: Reporter) -> MapAccuracy:
    """Score a map, and write the report if wanted. Raises InputError, ImageError or OutputExistsError."""
    if request.design not in (None, "simple"):
        raise InputError(f"--design {request.design}: expected simple, or nothing for points by terrazzo sample")
    if request.map.suffix.lower() == ".safetensors":
        raise InputError(f"{request.map}: is a model; --truth scores a finished map: give a folder that predict wrote")
    from terrazzo.evaluation.map_accuracy.accuracy_report import finished, refuse_other, scores_of, write_report
    from terrazzo.evaluation.map_accuracy.assessment import (
        NONE,
        assess_areas,
        assess_points,
        assess_sample,
        count_map,
    )
    from terrazzo.evaluation.map_accuracy.points_file import read_strata
    from terrazzo.evaluation.map_accuracy.sample import notes_of
    from terrazzo.evaluation.map_accuracy.truth import Points, read_truth
    from terrazzo.scenes.class_map import open_map
    from terrazzo.system.files import digest

    found = open_map(request.map)
    truth = read_truth(request.truth, found, reporter.say)
    is_points = isinstance(truth, Points)
    table = read_strata(request.truth) if isinstance(truth, Points) and truth.stratum is not None else None
    if request.design and (table is not None or not is_points):
        what = "is a stratified sample by terrazzo sample" if is_points else "holds polygons"
        raise InputError(f"--design {request.design}: {request.truth} {what}; leave --design out")
    if request.design and isinstance(truth, Points) and truth.has_weights:
        raise InputError(
            f"--design {request.design}: {request.truth} has the fields of a stratified sample without its table "
            "strata; give the file that terrazzo sample wrote"
        )
    counted, there = count_map(found, truth, reporter.progress)
    for note in notes_of(found, counted):
        reporter.say(note)
    drawn = "" if table is None else table.key
    key = digest("map accuracy", counted.digest, truth.identity, drawn, str(request.design), repr(counted.names))
    if request.out is not None and not request.overwrite and (kept := finished(request.out, key)) is not None:
        return MapAccuracy(kept, request.out, True)
    if request.out is not None:
        refuse_other(request.out, request.overwrite)
    if not isinstance(truth, Points):
        assessed = assess_areas(counted, truth, there)
    elif table is None:
        assessed = assess_points(counted, truth, there, request.design or NONE)
    else:
        assessed = assess_sample(counted, truth, there, table)
    for note in assessed.notes:
        reporter.say(note)
    scores = {
        "map": str(found.path),
        "truth": str(request.truth),
        "of": "points" if is_points else "polygons",
        **scores_of(assessed),
        "key": key,
    }
    if request.out is not None:
        write_report(request.out, scores)
    return MapAccuracy(scores, request.out, False)
