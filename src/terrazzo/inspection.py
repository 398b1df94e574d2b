"""The function `terrazzo.inspect`: a data set, rasters with labels or a model, described."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.system.reporting import Progress, silent

if TYPE_CHECKING:
    from terrazzo.scenes.inspection import Inspection

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
) -> "Inspection":
    """A description of a data set (folder or zip) or a model (`model.safetensors` or an export); nothing is changed.

    The options are those of prepare, so that `refusal` says why prepare would refuse the data. `write_classes` names a
    CSV file for a table of the classes and all further colours in the masks, to edit and give as `classes`. With
    `labels` (and for polygons `class_field`), `path` is a raster or a folder of rasters, as for prepare.

    Raises InputError where there is neither, ModelFileError at a damaged model, OutputExistsError if another file is at
    `write_classes`, unless `overwrite`.
    """
    from terrazzo.model.exported import is_exported

    path = Path(path)
    if path.suffix.lower() == MODEL_SUFFIX or is_exported(path):
        return _inspect_model(path)
    from terrazzo.patches.options import PatchOptions
    from terrazzo.scenes.contract.options import LabelOptions

    options = LabelOptions(
        layout=layout,
        classes=Path(classes) if classes else None,
        unpaired=unpaired,
        bad=bad,
        unknown=unknown,
        ignore_class=tuple(ignore_class),
        downsample=downsample,
        ignore_value=tuple(ignore_value),
    )
    cutting = PatchOptions(patch_size, fit)
    if labels is None:
        from terrazzo.scenes.inspection import inspect_pictures

        found = inspect_pictures(path, options, cutting.least_side, progress)
    else:
        from terrazzo.scenes.labelled_rasters.inputs import SceneInputs
        from terrazzo.scenes.labelled_rasters.inspection import inspect_rasters

        found = inspect_rasters(SceneInputs(path, Path(labels), class_field, layer), options, progress)
    return found.described if write_classes is None else found.with_table(Path(write_classes), overwrite)


def _inspect_model(path: Path) -> "Inspection":
    """What a model file says of itself. Raises InputError or ModelFileError."""
    from terrazzo.model.description import describe_header
    from terrazzo.model.header import read_header
    from terrazzo.scenes.inspection import Inspection

    header = read_header(path)
    return Inspection((f"{path}: a terrazzo model", *describe_header(header)), json.loads(header.to_json()))
