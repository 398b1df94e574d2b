"""What is in a data set or a model file, told before anything is made of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import ClassTableError
from terrazzo.model.description import describe_header
from terrazzo.model.exporting.formats import format_of
from terrazzo.model.header import read_header
from terrazzo.scenes.contract.check import judge
from terrazzo.scenes.contract.class_drafts import draft_classes
from terrazzo.scenes.contract.known_classes import given_classes
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.contract.reading import Reader
from terrazzo.scenes.contract.survey import census, survey
from terrazzo.scenes.inspection import (
    Inspection,
    classes_in,
    describe,
    inspect_scenes,
    judged_without_classes,
    with_table,
)
from terrazzo.system.reporting import Progress, silent

if TYPE_CHECKING:
    pass

MODEL_SUFFIX = ".safetensors"


def inspect(
    path: str | Path,
    labels: str | Path | None = None,
    *,
    layout: str | None = None,
    classes: str | Path | None = None,
    unpaired: str = "error",
    bad: str = "error",
    unknown: str = "error",
    ignore_class: Sequence[str] = (),
    patch_size: int = 256,
    fit: str = "crop",
    downsample: float = 1.0,
    ignore_value: Sequence[int] = (),
    class_field: str | None = None,
    layer: str | None = None,
    write_classes: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Inspection:
    """What is in a data set (a folder or zip) or a model (`model.safetensors` or an export of
    it); nothing is changed.

    The options are those of prepare, so that `refusal` tells what prepare would say. `write_classes` names a CSV file
    for the table of the classes and of all further colours in the masks, to edit and to give as `classes`. With
    `labels` (and for polygons `class_field`), `path` is a raster or a folder of them, as for prepare.

    Raises InputError where there is neither, ModelFileError at a damaged model, OutputExistsError where another file
    is at `write_classes` (unless `overwrite`).
    """
    path, table = Path(path), Path(classes) if classes else None
    if path.suffix.lower() == MODEL_SUFFIX or format_of(path):
        return inspect_model(path)
    options = LabelOptions(
        *(layout, table, unpaired, bad, unknown, tuple(ignore_class), patch_size, fit, downsample),
        ignore_value=tuple(ignore_value),
    )
    if labels is not None:
        from terrazzo.scenes.labelled_rasters.opening import SceneInputs

        return inspect_scenes(
            SceneInputs(path, Path(labels), class_field, layer), options, write_classes, overwrite, progress
        )
    given = given_classes(table) if table else None
    surveyed = survey(path, layout, progress, Reader(downsample))
    counted = census(surveyed.probes)
    try:
        known = classes_in(surveyed, counted, given, options)
        resolved, problem, checked = known, None, judge(surveyed, counted, known, options)
    except ClassTableError as error:
        resolved, problem = None, f"{path}: {error}"
        checked = judged_without_classes(surveyed, counted, options)
    described = describe(surveyed, counted, checked, problem)
    if write_classes is None:
        return described
    draft = draft_classes(counted, resolved, options.ignore_value)

    def refusal_with(written: Path) -> str | None:
        known = classes_in(surveyed, counted, given_classes(written), options)
        return judge(surveyed, counted, known, options).report.refusal

    return with_table(described, Path(write_classes), draft, overwrite, refusal_with)


def inspect_model(path: Path) -> Inspection:
    """What a model file says of itself. Raises InputError or ModelFileError."""
    header = read_header(path)
    return Inspection((f"{path}: a terrazzo model", *describe_header(header)), json.loads(header.to_json()))
