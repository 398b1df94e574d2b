"""Images and masks to patches: the function `terrazzo.prepare`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.system.places import PathLike
from terrazzo.system.reporting import Progress, Reporter, Say, quiet, silent

if TYPE_CHECKING:
    from terrazzo.patches.prepared import Prepared
    from terrazzo.recipe.sections import DataSection


def prepare(
    data: PathLike,
    labels: PathLike | None = None,
    *,
    out: PathLike,
    layout: str | None = None,
    classes: PathLike | None = None,
    unpaired: str = "error",
    bad: str = "error",
    unknown: str = "error",
    ignore_class: Sequence[str] = (),
    patch_size: int | None = None,
    fit: str | None = None,
    downsample: float | None = None,
    ignore_value: Sequence[int] = (),
    class_field: str | None = None,
    layer: str | None = None,
    bands: str | Sequence[str | int] | None = None,
    scale: str | tuple[float, float] | None = None,
    split: str | None = None,
    val: float | None = None,
    test: float | None = None,
    seed: int | None = None,
    block_size: int | None = None,
    buffer: int | None = None,
    recipe: PathLike | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> "Prepared":
    """Images and masks checked, cut into patches, divided into train, val and test, and written to the folder `out`.

    Options that are None come from the recipe's data section, or from the defaults of `sections.DataSection`. With
    `downsample` 4, images of 6000 x 4000 px and their masks are read as 1500 x 1000. `split` block divides images into
    squares of `block_size` patches a side, with `buffer` pixels between the sides.

    With `labels`, `data` is a raster or a folder of rasters (GeoTIFF, ...). `labels` are polygons whose `class_field`
    names the class (.gpkg, .geojson, .shp, .parquet; `layer` if there are several), a label raster, or a folder of
    label rasters. `bands` and `scale` are as in predict.
    """
    from terrazzo.patches.from_pictures import Pictures
    from terrazzo.patches.options import PatchOptions, SplitOptions
    from terrazzo.patches.write_patches import PatchSource, Preparation, write_patches
    from terrazzo.recipe.reading import load_recipe
    from terrazzo.recipe.sections import DataSection
    from terrazzo.scenes.contract.options import LabelOptions
    from terrazzo.scenes.labelled_rasters.inputs import scene_inputs

    own = DataSection() if recipe is None else load_recipe(recipe).data
    given = {"patch_size": patch_size, "fit": fit, "downsample": downsample}
    given |= {"split": split, "val": val, "test": test, "seed": seed}
    section = own.model_copy(update={name: value for name, value in given.items() if value is not None})
    inputs = scene_inputs(Path(data), _path(labels), class_field, layer, bands, scale)
    source: PatchSource = Pictures(Path(data), section.layout)
    if inputs is not None:
        from terrazzo.patches.from_rasters import LabelledRasters

        source = LabelledRasters(inputs)
    reading = LabelOptions(
        layout=layout,
        classes=_path(classes),
        unpaired=unpaired,
        bad=bad,
        unknown=unknown,
        ignore_class=tuple(ignore_class),
        downsample=section.downsample,
        ignore_value=tuple(ignore_value),
    )
    cutting = PatchOptions(section.patch_size, section.fit)
    division = SplitOptions(section.split, section.val, section.test, section.seed, block_size, buffer)
    return write_patches(Preparation(source, Path(out), reading, cutting, division, overwrite, Reporter(progress, say)))


def prepare_by_section(
    data: Path, out: Path, section: "DataSection", overwrite: bool, reporter: Reporter
) -> "Prepared":
    """A data set of pictures prepared as a recipe's data section says. Raises what `write_patches` raises."""
    from terrazzo.patches.from_pictures import Pictures
    from terrazzo.patches.options import PatchOptions, SplitOptions
    from terrazzo.patches.write_patches import Preparation, write_patches
    from terrazzo.scenes.contract.options import LabelOptions

    reading = LabelOptions(downsample=section.downsample)
    cutting = PatchOptions(section.patch_size, section.fit)
    division = SplitOptions(section.split, section.val, section.test, section.seed)
    source = Pictures(data, section.layout)
    return write_patches(Preparation(source, out, reading, cutting, division, overwrite, reporter))


def _path(value: PathLike | None) -> Path | None:
    return None if value is None else Path(value)
