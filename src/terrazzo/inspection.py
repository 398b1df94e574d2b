"""The function `terrazzo.inspect`: a data set, rasters with labels or a model, described."""

import json
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from terrazzo.errors import InputError
from terrazzo.model.exporting.formats import format_of
from terrazzo.pixels.bands.reading import Nodata
from terrazzo.scenes import arguments
from terrazzo.system.options import Option, Overwrite, words_of
from terrazzo.system.reporting import Progress, silent

if TYPE_CHECKING:
    from terrazzo.scenes.contract.survey import Probe
    from terrazzo.scenes.inspection import Inspection

MODEL_SUFFIX = ".safetensors"


def inspect(
    path: Annotated[
        str | Path,
        Option("A folder or .zip of images and masks; a model file; images or rasters (.tif), with LABELS; a raster."),
    ],
    labels: arguments.Labels = None,
    *,
    layout: arguments.Layout = None,
    image_suffix: arguments.ImageSuffix = None,
    mask_suffix: arguments.MaskSuffix = None,
    classes: arguments.ClassTableFile = None,
    palette: arguments.Palette = None,
    unpaired: arguments.Unpaired = "error",
    bad: arguments.Bad = "error",
    unknown: arguments.Unknown = "error",
    ignore_class: arguments.IgnoreClass = (),
    patch_size: arguments.PatchSize = None,
    fit: arguments.Fit = None,
    downsample: arguments.Downsample = None,
    ignore_value: arguments.IgnoreValue = (),
    background: arguments.Background = None,
    class_field: arguments.ClassField = None,
    layer: arguments.Layer = None,
    nodata: Nodata = None,
    write_classes: Annotated[str | Path | None, Option("Write a table of the classes found, to edit.")] = None,
    overwrite: Overwrite = False,
    progress: Progress = silent,
) -> "Inspection":
    """Describe a data set (folder or .zip), rasters with labels, or a model file; nothing is changed.

    The options are those of prepare, so that `refusal` says why prepare would refuse the data. `write_classes` names a
    CSV file for a table of the classes and all further colours in the masks, to edit and give as `classes`. With
    `labels` (and for polygons `class_field`), `path` is a raster, a folder of rasters or one of images, as for prepare.
    A raster alone is described too: its size, bands, place and values.

    Raises InputError where there is neither, ModelFileError at a damaged model, OutputExistsError if another file is at
    `write_classes`, unless `overwrite`.
    """
    given = dict(locals())
    path = Path(path)
    if path.suffix.lower() == MODEL_SUFFIX or format_of(path):
        if words := words_of(inspect, given)[1:]:
            raise InputError(f"{words[0]}: is for data sets; {path} is a model; leave it out")
        return _inspect_model(path)
    if overwrite and write_classes is None:
        raise InputError("--overwrite: is for --write-classes FILE; add that, or leave --overwrite out")
    from terrazzo.patches.options import PatchOptions
    from terrazzo.recipe.sections import DataSection
    from terrazzo.scenes.contract.options import LabelOptions
    from terrazzo.scenes.labelled_rasters.inputs import is_raster, scene_inputs

    section = DataSection().updated(patch_size=patch_size, fit=fit, downsample=downsample)
    options = LabelOptions.of(given, section.downsample)
    cutting = PatchOptions(section.patch_size, section.fit)
    if labels is None and is_raster(path):
        return _inspect_raster(path, given)
    inputs = scene_inputs(path, given)
    if inputs is None:
        from terrazzo.scenes.inspection import inspect_pictures
        from terrazzo.scenes.naming import Naming

        found = inspect_pictures(path, Naming.of(given), options, cutting.least_side, progress, _no_groups)
    else:
        from terrazzo.patches.from_rasters import refuse_options
        from terrazzo.scenes.labelled_rasters.inspection import inspect_rasters

        refuse_options(options, cutting)
        found = inspect_rasters(inputs, options, cutting.least_side, progress)
    return found.described if write_classes is None else found.with_table(Path(write_classes), overwrite)


def _no_groups(probes: Sequence["Probe"]) -> Set[str]:
    """The folders that prepare does not take for groups."""
    from terrazzo.patches.splits.together import Picture, no_groups
    from terrazzo.pixels.rasters.ground import Placed

    return no_groups(
        [
            Picture(
                name=one.scene.name,
                file=one.scene.image.name,
                group=one.scene.group,
                split=one.scene.split,
                pixels=None if one.is_plain else one.pixel_hash,
                ground=Placed(*(one.size or (0, 0))),
            )
            for one in probes
        ]
    )


def _inspect_raster(path: Path, given: Mapping[str, Any]) -> "Inspection":
    """What a raster without labels is. Raises InputError at options that need labels."""
    from terrazzo.scenes.labelled_rasters.one_raster import inspect_raster

    if words := words_of(inspect, dict(given) | {"nodata": None})[1:]:
        raise InputError(f"{words[0]}: is for data sets; {path} is a raster without labels; give them too, as LABELS")
    return inspect_raster(path, given["nodata"])


def _inspect_model(path: Path) -> "Inspection":
    """What a model file says of itself. Raises InputError or ModelFileError."""
    from terrazzo.model.description import describe_header
    from terrazzo.model.header import read_header
    from terrazzo.scenes.inspection import Inspection

    header = read_header(path)
    lines = [f"{path}: a terrazzo model", *describe_header(header)]
    value = {**json.loads(header.to_json()), "classes": header.schema.to_list()}
    if path.suffix.lower() == MODEL_SUFFIX:
        from terrazzo.model.exporting.stored_graph import read_graph

        graph = read_graph(path)
        lines.append("graph: none, so only torch runs this file" if graph is None else graph.words)
        value["graph"] = None if graph is None else {"bytes": graph.n_bytes, "side": graph.onnx.declared_side}
    return Inspection(tuple(lines), value)
