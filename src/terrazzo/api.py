"""The functions that people call where a command needs more than its own module: plain arguments in, work done.

They turn plain arguments into the value objects of the modules that do the work. Paths may be strings. `progress` and
`say` are told what goes on (`say=print` in a notebook); nothing is ever printed otherwise. Each raises a TerrazzoError
whose text is the line that the command line prints.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from terrazzo.system.reporting import Progress, Say, quiet, silent

if TYPE_CHECKING:
    from terrazzo.model.bundle import Bundle
    from terrazzo.patches.from_pictures import Prepared
    from terrazzo.training.run import Trained
    from terrazzo.training.tune import Tuned

PathLike = str | Path


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

    What is None is taken from the recipe's data section, without a recipe from `sections.DataSection`'s defaults.
    `downsample` 4 reads images of 6000 x 4000 px as 1500 x 1000, masks with them, before patches are cut. `split`
    block divides images into squares of `block_size` patches a side, with `buffer` pixels between the sides.

    With `labels`, `data` is a raster or a folder of them (GeoTIFF, ...), and `labels` are polygons whose `class_field`
    names the class (.gpkg, .geojson, .shp, .parquet; `layer` where there are several), a label raster, or a folder of
    label rasters; `bands` and `scale` as in predict.
    """
    from terrazzo.patches.from_pictures import prepare_patches
    from terrazzo.scenes.contract.check import LabelOptions
    from terrazzo.training.train import data_section, layout_in, scene_inputs, split_options

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


def train(
    patches: PathLike,
    *,
    out: PathLike,
    recipe: str = "unet-resnet34",
    epochs: int | None = None,
    batch_size: int | str | None = None,
    encoder_weights: str | None = None,
    changes: Mapping[str, Any] | None = None,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> "Trained":
    """A recipe trained on patches; the folder `out` holds model.safetensors and everything about the run.

    A data set (folder or .zip) in place of `patches` is prepared first, by the recipe's data section, into OUT/patches.
    `recipe` is a shipped name or a .yaml file; `changes` are fields of it, as in `{"optimizer.lr": 3e-4}`.
    """
    from terrazzo.recipe.recipe import load_recipe
    from terrazzo.training.run import RunOptions
    from terrazzo.training.train import start

    short = {"train.epochs": epochs, "train.batch_size": batch_size, "model.encoder_weights": encoder_weights}
    wanted = {name: value for name, value in short.items() if value is not None} | dict(changes or {})
    chosen = load_recipe(recipe).with_changes(wanted)
    return start(Path(patches), chosen, Path(out), RunOptions(resume, overwrite, device), progress, say)


def tune(
    patches: PathLike,
    *,
    out: PathLike,
    recipe: str = "unet-resnet34",
    steps: int = 100,
    changes: Mapping[str, Any] | None = None,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> "Tuned":
    """A learning rate for a recipe on these patches, from a few steps of growing rate; the curve goes to `out`."""
    from terrazzo.recipe.recipe import load_recipe
    from terrazzo.training.tune import TuneOptions, tune_patches

    chosen = load_recipe(recipe).with_changes(dict(changes or {}))
    return tune_patches(Path(patches), chosen, Path(out), TuneOptions(steps, device, overwrite), progress, say)


def load(model: PathLike, *, device: str = "auto", precision: str = "auto") -> "Bundle":
    """A trained model in memory; `load(path).predict(image)` gives ids (H, W) and probabilities (K, H, W)."""
    from terrazzo.model.header import read_header
    from terrazzo.system.devices import check_compute

    check_compute(device, precision)
    read_header(Path(model))  # a damaged file is refused before torch is imported
    from terrazzo.model import bundle

    return bundle.load(model, device, precision)


@dataclass(frozen=True)
class Synthesized:
    """Where a synthetic world lies, and whether it was there already."""

    path: Path
    kept: bool


def synthesize(
    out: PathLike,
    *,
    layout: str = "flat",
    images: int = 12,
    height: int = 320,
    width: int = 416,
    seed: int = 0,
    as_zip: bool = False,
    mask_mode: str = "color",
    overwrite: bool = False,
) -> Synthesized:
    """A seeded synthetic world of aerial images with exact masks, written in a layout that `prepare` reads.

    Images are at least `height` x `width` px. The same options make the same bytes, so that a world that is there
    already is known by them and kept; anything else in the way raises OutputExistsError, unless `overwrite`. Masks of
    ids come with the table that names them, classes.json.
    """
    from terrazzo.scenes.synthetic import world_mark, write_world
    from terrazzo.system.files import refuse_existing, same_content

    def write(place: Path) -> Path:
        return write_world(
            place,
            layout=layout,
            n_images=images,
            size=(height, width),
            seed=seed,
            as_zip=as_zip,
            mask_mode=mask_mode,
            class_table=mask_mode == "id",
        )

    path = Path(out)
    if path.exists() and not overwrite:
        with tempfile.TemporaryDirectory() as folder:
            if same_content(write(Path(folder) / path.name), path):
                return Synthesized(path, True)
    refuse_existing(path, "a synthetic world", overwrite, None if as_zip else world_mark(path))
    return Synthesized(write(path), False)


def _path(value: PathLike | None) -> Path | None:
    return None if value is None else Path(value)
