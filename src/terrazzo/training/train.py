"""What a run starts from: patches, or a data set that is prepared into the run's own folder first.

RUN/patches/    the patches of a run that was given a data set; the rest of a run's folder is told in `run_files`
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from terrazzo.patches.folder import DESCRIPTION, IMAGES, INDEX, MASKS
from terrazzo.patches.prepare import prepare_by_section
from terrazzo.recipe.arguments import DEFAULT_RECIPE, Changes, RecipeName
from terrazzo.recipe.reading import changes_of, load_recipe
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.sections import DataSection
from terrazzo.system.devices import check_compute
from terrazzo.system.files import PARTIAL_SUFFIX, refuse_existing
from terrazzo.system.options import Device, Option, Overwrite
from terrazzo.system.places import PathLike
from terrazzo.system.reporting import Progress, Reporter, Say, quiet, silent
from terrazzo.training.run import train_patches
from terrazzo.training.run_folder import MARK, RunOptions

if TYPE_CHECKING:
    from terrazzo.training.run import Trained

if TYPE_CHECKING:
    from terrazzo.training.run import Trained


def train(
    patches: Annotated[
        PathLike, Option("The folder that prepare wrote, or a data set (folder, .zip) to prepare first.")
    ],
    *,
    out: Annotated[PathLike, Option("Folder for the run.")],
    recipe: RecipeName = DEFAULT_RECIPE,
    epochs: Annotated[int | None, Option("Passes over the training patches.")] = None,
    batch_size: Annotated[int | str | None, Option("Patches a step; auto: what the memory holds.")] = None,
    encoder_weights: Annotated[str | None, Option("imagenet, none, auto, or a weights file.")] = None,
    changes: Changes = None,
    device: Device = "auto",
    resume: Annotated[bool, Option("Resume an interrupted run.")] = False,
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> "Trained":
    """Train a recipe on patches; the best epoch becomes model.safetensors in the folder `out`.

    A data set (folder or .zip) in place of `patches` is prepared first, by the recipe's data section, into OUT/patches.
    `recipe` is a shipped name or a .yaml file; `changes` are fields of it, as in `{"optimizer.lr": 3e-4}`.
    """
    from terrazzo.training.run_folder import RunOptions

    short = {"train.epochs": epochs, "train.batch_size": batch_size, "model.encoder_weights": encoder_weights}
    wanted = {name: value for name, value in short.items() if value is not None} | changes_of(changes)
    chosen = load_recipe(recipe).with_changes(wanted)
    return start(Path(patches), chosen, Path(out), RunOptions(resume, overwrite, device), progress, say)


PATCHES = "patches"


def is_data_set(source: Path) -> bool:
    """Whether `source` is a folder or .zip to prepare; False for patches, damaged ones too, and for what is neither."""
    if source.is_dir():
        return not any((source / name).exists() for name in (DESCRIPTION, INDEX, IMAGES, MASKS))
    return source.is_file() and source.suffix.lower() == ".zip"


def patches_of(source: Path, run: Path) -> Path:
    """What a run from `source` trains on: `source` itself, or the patches prepared from it in the run's folder."""
    return run / PATCHES if is_data_set(source) else source


def start(source: Path, recipe: Recipe, run: Path, options: RunOptions, progress: Progress, say: Say) -> "Trained":
    """The recipe trained on patches, or on a data set that is prepared first by the recipe's data section.

    Raises what `prepare_by_section` and `train_patches` raise.
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
    say(f"{source} is a data set: preparing it first, into {run / PATCHES} (`terrazzo prepare` does it with options)")
    was_there = run.exists()
    try:
        done = prepare_by_section(source, run / PATCHES, section, options.overwrite, Reporter(progress, say))
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
