"""The names in a run's folder.

model.safetensors     the best weights and everything about them; written last, so its presence means finished
recipe.yaml           the recipe as it was run, choices settled
metrics.csv           one line an epoch
curves.png            the same, drawn
checkpoints/          best.ckpt, last.ckpt
tensorboard/          the same figures for TensorBoard
stages.csv, .png      what each stage of progressive resizing cost and reached, where the recipe has stages
"""

import json
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from terrazzo.errors import InputError, ModelFileError, OutputExistsError, RecipeError
from terrazzo.model.header import Header, read_header
from terrazzo.recipe.reading import load_recipe
from terrazzo.recipe.recipe import Recipe, first_difference
from terrazzo.system.files import Mark, refuse_existing


@dataclass(frozen=True)
class RunOptions:
    """What to do with what is at the run's place, and where to compute."""

    resume: bool = False
    overwrite: bool = False
    device: str = "auto"


@contextmanager
def nothing_left(run: Path) -> Iterator[None]:
    """Remove what the block wrote where it fails before there is a model or a checkpoint to go on from."""
    try:
        yield
    except BaseException:
        if not any((run / name).exists() for name in (MODEL, f"{CHECKPOINTS}/{BEST}", f"{CHECKPOINTS}/{LAST}")):
            _clear(run)
        raise


def finished(run: Path, key: str) -> Header | None:
    """The header of the finished model in `run` where it is of the same patches and recipe."""
    try:
        header = read_header(run / MODEL)
    except (InputError, ModelFileError):
        return None
    return header if header.key == key else None


def make_room(run: Path, recipe: Recipe, key: str, options: RunOptions) -> None:
    """Refuse what is in the way, and clear what may go."""
    if run.is_file():
        raise OutputExistsError(f"{run}: is a file; --out takes a folder")
    started = (run / RECIPE).is_file()
    if options.resume and started:
        _refuse_another_recipe(run, recipe)
    elif started and not options.overwrite and not options.resume:
        raise OutputExistsError(
            f"{run}: holds another or an unfinished run; go on with --resume, replace it with --overwrite, "
            "or choose another --out"
        )
    else:
        refuse_existing(run, "a run", options.overwrite, MARK)
        _clear(run)


def _clear(run: Path) -> None:
    """Remove what a run wrote, and nothing else that may lie there."""
    for name in FILES:
        (run / name).unlink(missing_ok=True)
    for name in FOLDERS:
        shutil.rmtree(run / name, ignore_errors=True)


def started_recipe(run: Path, recipe: Recipe) -> Recipe | None:
    """The recipe that the run was started with, at the asked number of epochs; None where nothing was started."""
    if not (run / RECIPE).is_file():
        return None
    return load_recipe(run / RECIPE).with_changes({"train.epochs": recipe.train.epochs})


def _refuse_another_recipe(run: Path, recipe: Recipe) -> None:
    """Raise RecipeError where the run was started with another recipe, epochs and settled choices apart."""
    different = first_difference(recipe, load_recipe(run / RECIPE))
    if different is not None:
        knob = different[0]
        asked, started = (value if isinstance(value, str) else json.dumps(value) for value in different[1:])
        raise RecipeError(
            f"{run}: was started with {knob} = {started}, not {asked}; "
            f"--set {shlex.quote(f'{knob}={started}')} resumes it, --overwrite starts anew"
        )


MODEL, RECIPE, METRICS, CURVES = "model.safetensors", "recipe.yaml", "metrics.csv", "curves.png"
CHECKPOINTS, BEST, LAST, TENSORBOARD = "checkpoints", "best.ckpt", "last.ckpt", "tensorboard"
STAGES, STAGE_CURVES = "stages.csv", "stages.png"

SETTLED = "# settled by terrazzo train"
"""How recipe.yaml begins, which tells it from a recipe that somebody wrote and keeps in the same folder."""

FILES = (MODEL, RECIPE, METRICS, CURVES, STAGES, STAGE_CURVES)
FOLDERS = (CHECKPOINTS, TENSORBOARD)
MARK = Mark(
    FILES + FOLDERS,
    ((MODEL, "terrazzo_version"), (RECIPE, SETTLED), (METRICS, "epoch,stage,size,train_loss,val_loss")),
    is_whole=False,
)
"""How a folder is known for a run; what else lies in it stays."""
