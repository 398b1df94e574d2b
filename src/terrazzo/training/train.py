"""What a run starts from: patches, or a data set that is prepared into the run's own folder first.

RUN/patches/    the patches of a run that was given a data set; the rest of a run's folder is told in `run_files`
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from terrazzo.errors import InputError
from terrazzo.maps.inputs import RASTER_SUFFIXES, VIRTUAL
from terrazzo.patches.folder import DESCRIPTION, IMAGES, INDEX, MASKS
from terrazzo.patches.from_pictures import prepare_patches
from terrazzo.patches.splits.split import SplitOptions
from terrazzo.recipe.recipe import Recipe, load_recipe
from terrazzo.recipe.sections import DataSection
from terrazzo.scenes.contract.check import LabelOptions
from terrazzo.scenes.layouts.detect import LAYOUTS, check_layout
from terrazzo.scenes.trees import open_tree
from terrazzo.system.devices import check_compute
from terrazzo.system.files import PARTIAL_SUFFIX, refuse_existing
from terrazzo.system.reporting import Progress, Say
from terrazzo.training.run import RunOptions, train_patches
from terrazzo.training.run_folder import MARK

if TYPE_CHECKING:
    from terrazzo.patches.from_rasters import SceneInputs
    from terrazzo.training.run import Trained

PATCHES = "patches"


def is_data_set(source: Path) -> bool:
    """Whether `source` is a folder or .zip to prepare; False for patches, damaged ones too, and for what is neither."""
    if source.is_dir():
        return not any((source / name).exists() for name in (DESCRIPTION, INDEX, IMAGES, MASKS))
    return source.is_file() and source.suffix.lower() == ".zip"


def patches_of(source: Path, run: Path) -> Path:
    """What a run from `source` trains on: `source` itself, or the patches prepared from it in the run's folder."""
    return run / PATCHES if is_data_set(source) else source


def data_section(recipe: str | Path | None, given: Mapping[str, Any]) -> DataSection:
    """The recipe's data section, the default one without a recipe, with what is given (not None) in place of its own.

    Given values are not checked here: LabelOptions and SplitOptions refuse what is wrong, naming the option.
    """
    section = DataSection() if recipe is None else load_recipe(recipe).data
    return section.model_copy(update={name: value for name, value in given.items() if value is not None})


def layout_in(data: Path, layout: str | None) -> str | None:
    """`layout` where the data have it; None, to be found by looking, where they have another or none is asked for."""
    check_layout(layout)
    return layout if layout is not None and LAYOUTS[layout](open_tree(data)) is not None else None


def split_options(section: DataSection, block_size: int | None = None, buffer: int | None = None) -> SplitOptions:
    """The split that a data section asks for. Raises SplitError on values that cannot be."""
    return SplitOptions(section.split, section.val, section.test, section.seed, block_size, buffer)


def scene_inputs(
    data: Path,
    labels: Path | None,
    class_field: str | None,
    layer: str | None,
    bands: str | Sequence[str | int] | None,
    scale: str | Sequence[float] | None,
) -> "SceneInputs | None":
    """The rasters and labels that prepare is given; None without labels, where `data` is a data set of pictures.

    Raises InputError where one is given without the other.
    """
    if labels is not None:
        from terrazzo.patches.from_rasters import SceneInputs
        from terrazzo.pixels.bands import parse_bands, parse_scale

        parsed = None if bands is None else parse_bands(bands)
        return SceneInputs(
            data, labels, class_field, layer, parsed, scale=None if scale is None else parse_scale(scale)
        )
    for flag, value in (("--class-field", class_field), ("--layer", layer), ("--bands", bands), ("--scale", scale)):
        if value is not None:
            raise InputError(f"{flag} {value}: is for rasters with labels; give these too, as in {data} labels.gpkg")
    if data.is_file() and data.suffix.lower() in (*RASTER_SUFFIXES, VIRTUAL):
        raise InputError(
            f"{data}: is a raster without labels; give them too, as in {data} labels.gpkg --class-field class"
        )
    return None


def start(source: Path, recipe: Recipe, run: Path, options: RunOptions, progress: Progress, say: Say) -> "Trained":
    """The recipe trained on patches, or on a data set that is prepared first by the recipe's data section.

    Raises what `prepare_patches` and `train_patches` raise.
    """
    patches = patches_of(source, run)
    if patches != source:
        check_compute(options.device)
        _prepare_first(source, recipe.data, run, options, progress, say)
    if patches.absolute() == (run / PATCHES).absolute() and _holds_only_patches(run):
        options = replace(options, overwrite=True)  # the patches are the run's own: there is nothing to refuse
    return train_patches(patches, recipe, run, options, progress, say)


def _prepare_first(
    source: Path, section: DataSection, run: Path, options: RunOptions, progress: Progress, say: Say
) -> None:
    """Write, or keep, RUN/patches. A run that did not begin with a data set is refused before anything is read."""
    if not (run / PATCHES).is_dir() and not _holds_only_patches(run):
        refuse_existing(run, "a run", options.overwrite, MARK)
    labels = LabelOptions(
        layout=layout_in(source, section.layout),
        patch_size=section.patch_size,
        fit=section.fit,
        downsample=section.downsample,
    )
    say(f"{source} is a data set: preparing it first, into {run / PATCHES} (`terrazzo prepare` does it with options)")
    was_there = run.exists()
    try:
        done = prepare_patches(source, run / PATCHES, labels, split_options(section), options.overwrite, progress, say)
    finally:
        if not was_there and run.is_dir() and not any(run.iterdir()):
            run.rmdir()
    for line in done.lines:
        say(f"warning: {line}")
    for line in done.summary():
        say(line)


def _holds_only_patches(run: Path) -> bool:
    """Whether the run's folder holds nothing but patches, and what killed writers may have left."""
    if not run.is_dir():
        return False
    return all(item.name == PATCHES or (item.name[0] == "." and PARTIAL_SUFFIX in item.name) for item in run.iterdir())
