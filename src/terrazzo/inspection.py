"""What is in a data set or a model file, told before anything is made of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from terrazzo.errors import ClassTableError
from terrazzo.model.description import describe_header
from terrazzo.model.exported import is_exported
from terrazzo.model.header import read_header
from terrazzo.scenes.arguments import (
    Bad,
    ClassField,
    ClassTableFile,
    Downsample,
    Fit,
    IgnoreClass,
    IgnoreValue,
    Labels,
    Layer,
    Layout,
    PatchSize,
    Unknown,
    Unpaired,
)
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
from terrazzo.system.options import Option, Overwrite
from terrazzo.system.reporting import Progress, silent

if TYPE_CHECKING:
    pass

MODEL_SUFFIX = ".safetensors"


def inspect(
    path: Annotated[
        str | Path, Option("A folder or .zip of images and masks; a model file; rasters (.tif), with LABELS.")
    ],
    labels: Labels = None,
    *,
    layout: Layout = None,
    classes: ClassTableFile = None,
    unpaired: Unpaired = "error",
    bad: Bad = "error",
    unknown: Unknown = "error",
    ignore_class: IgnoreClass = (),
    patch_size: PatchSize = None,
    fit: Fit = None,
    downsample: Downsample = None,
    ignore_value: IgnoreValue = (),
    class_field: ClassField = None,
    layer: Layer = None,
    write_classes: Annotated[str | Path | None, Option("Write a table of the classes found, to edit.")] = None,
    overwrite: Overwrite = False,
    progress: Progress = silent,
) -> Inspection:
    """Describe a data set (folder or .zip), rasters with labels, or a model file; nothing is changed.

    The options are those of prepare, so that `refusal` tells what prepare would say. `write_classes` names a CSV file
    for the table of the classes and of all further colours in the masks, to edit and to give as `classes`. With
    `labels` (and for polygons `class_field`), `path` is a raster or a folder of them, as for prepare.

    Raises InputError where there is neither, ModelFileError at a damaged model, OutputExistsError where another file
    is at `write_classes` (unless `overwrite`).
    """
    path, table = Path(path), Path(classes) if classes else None
    if path.suffix.lower() == MODEL_SUFFIX or is_exported(path):
        return inspect_model(path)
    sizes: dict[str, Any] = {"patch_size": patch_size, "fit": fit, "downsample": downsample}
    options = LabelOptions(
        layout=layout,
        classes=table,
        unpaired=unpaired,
        bad=bad,
        unknown=unknown,
        ignore_class=tuple(ignore_class),
        ignore_value=tuple(ignore_value),
        **{name: value for name, value in sizes.items() if value is not None},
    )
    if labels is not None:
        from terrazzo.scenes.labelled_rasters.opening import SceneInputs

        return inspect_scenes(
            SceneInputs(path, Path(labels), class_field, layer), options, write_classes, overwrite, progress
        )
    given = given_classes(table) if table else None
    surveyed = survey(path, layout, progress, Reader(options.downsample))
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
