"""Training from patches, or from a data set that is first prepared into RUN/patches."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from terrazzo.patches.folder import DESCRIPTION, IMAGES, INDEX, MASKS
from terrazzo.patches.from_pictures import prepare_patches
from terrazzo.patches.prepare import layout_in, split_options
from terrazzo.patches.prepared import Prepared
from terrazzo.recipe.reading import load_recipe
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.system.devices import check_compute
from terrazzo.system.files import PARTIAL_SUFFIX, refuse_existing
from terrazzo.system.places import PathLike
from terrazzo.system.reporting import Progress, Reporter, Say, quiet, silent
from terrazzo.training.run import Trained, train_patches
from terrazzo.training.run_folder import MARK, Run

PATCHES = "patches"


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
) -> Trained:
    """A model trained by a recipe on patches, written with everything about the run to the folder `out`.

    A data set (folder or .zip) in place of `patches` is prepared first, by the recipe's data section, into OUT/patches.
    `recipe` is a shipped name or a .yaml file; `changes` overrides its fields, as in `{"optimizer.lr": 3e-4}`.

    Raises PatchesError, RecipeError, WeightsError, OutputExistsError; StoppedError if Ctrl-C came before the end of the
    first epoch; and what `prepare` raises.
    """
    short = {"train.epochs": epochs, "train.batch_size": batch_size, "model.encoder_weights": encoder_weights}
    wanted = {name: value for name, value in short.items() if value is not None} | dict(changes or {})
    source, folder = Path(patches), Path(out)
    run = Run(
        patches_of(source, folder),
        load_recipe(recipe).with_changes(wanted),
        folder,
        device=device,
        resume=resume,
        overwrite=overwrite,
        reporter=Reporter(progress, say),
    )
    if run.patches != source:
        check_compute(run.device)
        _prepare_first(source, run)
    if run.patches.absolute() == (folder / PATCHES).absolute() and _holds_only_patches(folder):
        run = replace(run, overwrite=True)  # nothing but its own patches is there
    return train_patches(run)


def is_data_set(source: Path) -> bool:
    """Whether `source` is a folder or .zip to prepare; False for patches, even damaged ones, and for anything else."""
    if source.is_dir():
        return not any((source / name).exists() for name in (DESCRIPTION, INDEX, IMAGES, MASKS))
    return source.is_file() and source.suffix.lower() == ".zip"


def patches_of(source: Path, run: Path) -> Path:
    """The patches of a run: `source` itself, or for a data set the patches in the run's folder."""
    return run / PATCHES if is_data_set(source) else source


def _prepare_first(source: Path, run: Run) -> None:
    """Write or keep RUN/patches. A folder with a run that did not start from a data set is refused first."""
    folder, say = run.folder, run.reporter.say
    if not run.patches.is_dir() and not _holds_only_patches(folder):
        refuse_existing(folder, "a run", run.overwrite, MARK)
    say(f"{source} is a data set: preparing it into {run.patches} (`terrazzo prepare` has options)")
    was_there = folder.exists()
    try:
        done = _prepared(source, run)
    finally:
        if not was_there and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    for line in done.lines:
        say(f"warning: {line}")
    for line in done.summary():
        say(line)


def _prepared(source: Path, run: Run) -> Prepared:
    """The patches of a data set, prepared by the recipe's data section."""
    section, reporter = run.recipe.data, run.reporter
    labels = LabelOptions(
        layout=layout_in(source, section.layout),
        patch_size=section.patch_size,
        fit=section.fit,
        downsample=section.downsample,
    )
    return prepare_patches(
        source, run.patches, labels, split_options(section), run.overwrite, reporter.progress, reporter.say
    )


def _holds_only_patches(run: Path) -> bool:
    """Whether the run's folder holds nothing but patches and leftovers of killed writers."""
    if not run.is_dir():
        return False
    return all(item.name == PATCHES or (item.name[0] == "." and PARTIAL_SUFFIX in item.name) for item in run.iterdir())
