"""Images and masks to patches: the function `terrazzo.prepare`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from terrazzo.errors import InputError
from terrazzo.pixels.bands.reading import Bands, Nodata, Scale
from terrazzo.scenes import arguments
from terrazzo.system.options import DATA, SPLIT, Option, Overwrite
from terrazzo.system.places import PathLike
from terrazzo.system.reporting import Progress, Reporter, Say, quiet, silent

if TYPE_CHECKING:
    from terrazzo.patches.prepared import Prepared
    from terrazzo.patches.write_patches import PatchSource
    from terrazzo.recipe.sections import DataSection


def prepare(
    data: Annotated[
        PathLike | None,
        Option(
            "A folder or .zip of images and masks; images or rasters (.tif), with LABELS; several rasters as one: "
            "rgb=ortho.tif,dsm=height.tif."
        ),
    ] = None,
    labels: arguments.Labels = None,
    more: Annotated[
        Sequence[PathLike], Option("With --taxonomy, every argument is a data set; these are further ones.", many=True)
    ] = (),
    *,
    out: Annotated[PathLike, Option("Folder for the patches.")],
    layout: arguments.Layout = None,
    image_suffix: arguments.ImageSuffix = None,
    mask_suffix: arguments.MaskSuffix = None,
    classes: arguments.ClassTableFile = None,
    taxonomy: Annotated[
        PathLike | None,
        Option("Several data sets: the YAML file with their classes on one schema, and their paths if wanted.", DATA),
    ] = None,
    gsd: Annotated[
        float | None,
        Option("Read images at this many metres per pixel; of photos a taxonomy says how many they have.", DATA),
    ] = None,
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
    bands: Bands = None,
    scale: Scale = None,
    nodata: Nodata = None,
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
    for_model: Annotated[
        PathLike | None,
        Option(
            "A model file whose map the labels correct: patch size, bands, scale, ground sampling distance and classes "
            "are the model's; nothing is held out without --val.",
            DATA,
            flags=("--for",),
        ),
    ] = None,
    recipe: Annotated[
        PathLike | None, Option("Cut and split as this recipe says (a shipped name or a .yaml file); options win.")
    ] = None,
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> "Prepared":
    """Check images and masks, cut them into patches, and divide these into train, val and test.

    Options that are None come from the recipe's data section, or from the defaults of `sections.DataSection`. With
    `downsample` 4, images of 6000 x 4000 px and their masks are read as 1500 x 1000. `split` block divides images into
    squares of `block_size` patches a side, with `buffer` pixels between the sides.

    With `labels`, `data` is a raster or a folder of rasters (GeoTIFF, ...), and `labels` are polygons, a label raster,
    or a folder of label rasters. Of two folders of pictures, `data` holds the images, `labels` the masks. Several files
    of one place are read as one by `rgb=ortho.tif,dsm=height.tif`, folders of them paired by name.

    With `for_model`, the labels are corrections: what is not drawn is ignored, every patch with a labelled pixel is
    for training unless `val` is given, and classes that the model lacks come behind its own. Of a file that `suggest`
    wrote, only polygons inside checked boxes count.

    With a `taxonomy`, `data`, `labels` and `more` are data sets of their own, or the file lists them.

    Raises LabelError, ClassTableError, SplitError, InputError, ModelFileError, OutputExistsError.
    """
    given = dict(locals())
    if for_model is not None:
        from terrazzo.patches.write_patches import write_patches
        from terrazzo.preparing.for_model import corrections_for

        return write_patches(corrections_for(Path(for_model), given, Reporter(progress, say)))
    from terrazzo.patches.options import PatchOptions, SplitOptions
    from terrazzo.patches.write_patches import Preparation, write_patches
    from terrazzo.recipe.reading import load_recipe
    from terrazzo.recipe.sections import DataSection
    from terrazzo.scenes.contract.options import LabelOptions

    own = DataSection() if recipe is None else load_recipe(recipe).data
    section = own.updated(
        patch_size=patch_size, fit=fit, downsample=downsample, split=split, val=val, test=test, seed=seed
    )
    if gsd is not None:
        section = section.updated(downsample=1.0)
    source = _source(given, section)
    reading = LabelOptions.of(given, section.downsample)
    cutting = PatchOptions(section.patch_size, section.fit)
    division = SplitOptions(section.split, section.val, section.test, section.seed, block_size, buffer)
    return write_patches(Preparation(source, Path(out), reading, cutting, division, overwrite, Reporter(progress, say)))


def _source(given: Mapping[str, Any], section: "DataSection") -> "PatchSource":
    """What the arguments of `prepare` name: several data sets, pictures, or rasters with labels."""
    from terrazzo.patches.from_pictures import Pictures
    from terrazzo.patches.sources.gsd import checked_gsd
    from terrazzo.scenes.labelled_rasters.inputs import scene_inputs
    from terrazzo.scenes.naming import Naming

    words = [str(word) for word in (given["data"], given["labels"], *given["more"]) if word is not None]
    if given["taxonomy"] is not None:
        from terrazzo.patches.sources.request import joined_sources

        return joined_sources(Path(given["taxonomy"]), words, given, section)
    if given["data"] is None:
        raise InputError("no data: give a folder or .zip of images and masks, or several data sets with --taxonomy")
    if given["more"]:
        raise InputError(f"{words[2]}: is a third path; several data sets need a --taxonomy with their classes")
    if given["labels"] is not None and not given["scale"]:
        given = {**given, "scale": section.scale}
    data, gsd_m = Path(given["data"]), checked_gsd(given)
    inputs = scene_inputs(data, given)
    if inputs is None:
        if gsd_m is not None:
            raise InputError(f"--gsd {gsd_m:g}: is for rasters; of photos, a --taxonomy gives their gsd_m")
        return Pictures(data, section.layout, Naming.of(given))
    from terrazzo.patches.from_rasters import LabelledRasters

    return LabelledRasters(replace(inputs, gsd_m=gsd_m))
