"""Images and masks to patches: the function `terrazzo.prepare`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from terrazzo.patches.splits.split import SplitOptions
from terrazzo.pixels.bands import Bands, Scale
from terrazzo.recipe.reading import load_recipe
from terrazzo.recipe.sections import DataSection
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
from terrazzo.scenes.layouts.detect import LAYOUTS, check_layout
from terrazzo.scenes.trees import open_tree
from terrazzo.system.options import SPLIT, Option, Overwrite
from terrazzo.system.places import PathLike
from terrazzo.system.reporting import Progress, Say, quiet, silent

if TYPE_CHECKING:
    from terrazzo.patches.prepared import Prepared


def prepare(
    data: Annotated[PathLike, Option("A folder or .zip of images and masks; or rasters (.tif), with LABELS.")],
    labels: Labels = None,
    *,
    out: Annotated[PathLike, Option("Folder for the patches.")],
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
    bands: Bands = None,
    scale: Scale = None,
    split: Annotated[
        str | None,
        Option(
            "given, group, image, block or patch. If not given: given where the layout has splits; else group where "
            "there are three groups or more, else image; block where there are fewer than three rasters.",
            SPLIT,
        ),
    ] = None,
    val: Annotated[float | None, Option("Share for validation; the recipe's if not given, else 0.2.", SPLIT)] = None,
    test: Annotated[float | None, Option("Share for testing; the recipe's if not given, else 0.", SPLIT)] = None,
    seed: Annotated[int | None, Option("Seed of the split; the recipe's if not given, else 0.", SPLIT)] = None,
    block_size: Annotated[
        int | None,
        Option("--split block: patches along a block's side; if not given 4, fewer where images are small.", SPLIT),
    ] = None,
    buffer: Annotated[
        int | None,
        Option("--split block: pixels between training and the other sides; one patch if not given.", SPLIT),
    ] = None,
    recipe: Annotated[
        PathLike | None, Option("Cut and split as this recipe says (a shipped name or a .yaml file); options win.")
    ] = None,
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> "Prepared":
    """Check images and masks, cut them into patches, and divide these into train, val and test.

    What is None is taken from the recipe's data section, without a recipe from `sections.DataSection`'s defaults.
    `downsample` 4 reads images of 6000 x 4000 px as 1500 x 1000, masks with them, before patches are cut. `split`
    block divides images into squares of `block_size` patches a side, with `buffer` pixels between the sides.

    With `labels`, `data` is a raster or a folder of them (GeoTIFF, ...), and `labels` are polygons whose `class_field`
    names the class (.gpkg, .geojson, .shp, .parquet; `layer` where there are several), a label raster, or a folder of
    label rasters; `bands` and `scale` as in predict.
    """
    from terrazzo.patches.from_pictures import prepare_patches
    from terrazzo.scenes.contract.options import LabelOptions
    from terrazzo.scenes.labelled_rasters.opening import scene_inputs

    given = {"patch_size": patch_size, "fit": fit, "downsample": downsample}
    given |= {"split": split, "val": val, "test": test, "seed": seed}
    section = data_section(recipe, given)
    scenes = scene_inputs(Path(data), _path(labels), class_field, layer, bands, scale)
    options = LabelOptions(
        layout if layout is not None or scenes else layout_in(Path(data), section.layout),
        _path(classes),
        unpaired,
        bad,
        unknown,
        tuple(ignore_class),
        patch_size=section.patch_size,
        fit=section.fit,
        downsample=section.downsample,
        ignore_value=tuple(ignore_value),
    )
    division = split_options(section, block_size, buffer)
    if scenes is not None:
        from terrazzo.patches.from_rasters import prepare_scenes

        return prepare_scenes(scenes, Path(out), options, division, overwrite, progress, say)
    return prepare_patches(Path(data), Path(out), options, division, overwrite, progress, say)


def _path(value: PathLike | None) -> Path | None:
    return None if value is None else Path(value)


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
