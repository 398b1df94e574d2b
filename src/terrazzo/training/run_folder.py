"""A training run and the files in its folder: what is kept, refused, cleared, and resumed.

model.safetensors     the best weights and their header, or the last ones without validation. It is written last: a run
                      that has it is finished.
recipe.yaml           the recipe, its choices settled
metrics.csv           one line per epoch
curves.png            metrics.csv as a picture
checkpoints/          best.ckpt, last.ckpt
tensorboard/          the metrics for TensorBoard
start.json            start model and kept patches, as hashes.
stages.csv, .png      the cost and the scores of each stage, if the recipe has stages
"""

import json
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from terrazzo.errors import InputError, ModelFileError, OutputExistsError, RecipeError
from terrazzo.model.header import Header, read_header
from terrazzo.recipe.reading import load_recipe
from terrazzo.recipe.recipe import Recipe, first_difference
from terrazzo.system.files import Mark, refuse_existing
from terrazzo.system.reporting import Reporter
from terrazzo.training.starting.begun import RECORD, Begun, refuse_another_start
from terrazzo.training.starting.start import Start

MODEL, RECIPE, METRICS, CURVES = "model.safetensors", "recipe.yaml", "metrics.csv", "curves.png"
CHECKPOINTS, BEST, LAST, TENSORBOARD = "checkpoints", "best.ckpt", "last.ckpt", "tensorboard"
STAGES, STAGE_CURVES = "stages.csv", "stages.png"

SETTLED = "# settled by terrazzo train"
"""The first line of recipe.yaml. It tells it from a recipe that a user keeps in the same folder."""

FILES = (MODEL, RECIPE, METRICS, CURVES, STAGES, STAGE_CURVES, RECORD)
FOLDERS = (CHECKPOINTS, TENSORBOARD)
MARK = Mark(
    FILES + FOLDERS,
    ((MODEL, "terrazzo_version"), (RECIPE, SETTLED), (METRICS, "epoch,stage,size,train_loss,val_loss")),
    is_whole=False,
)
"""How to recognize the folder of a run. Other files in it are left alone."""


@dataclass(frozen=True)
class Run:
    """One training run or range test: its patches, recipe, folder and options."""

    patches: Path
    recipe: Recipe
    folder: Path
    device: str = "auto"
    resume: bool = False
    overwrite: bool = False
    reporter: Reporter = field(default_factory=Reporter)
    start: Start | None = None
    """The model that it starts from."""
    keep: Path | None = None
    """Patches that are mixed in, so that the model does not forget them."""
    devices: int = 1
    """Devices of a node, each with a process and a batch of its own."""
    nodes: int = 1

    @property
    def n_ranks(self) -> int:
        """How many processes share a batch."""
        return self.devices * self.nodes

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return (self.folder / CHECKPOINTS / LAST).is_file()


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """Remove what the block wrote if it fails before there is a model or a checkpoint."""
    try:
        yield
    except BaseException:
        if not any((folder / name).exists() for name in (MODEL, f"{CHECKPOINTS}/{BEST}", f"{CHECKPOINTS}/{LAST}")):
            clear(folder)
        raise


def finished(folder: Path, key: str) -> Header | None:
    """The header of the finished model in `folder`, if it is of the same patches and recipe."""
    try:
        header = read_header(folder / MODEL)
    except (InputError, ModelFileError):
        return None
    return header if header.key == key else None


def make_room(run: Run, begun: Begun | None = None) -> None:
    """Clear the folder, unless its run is resumed. Raises what `check_room` raises."""
    check_room(run, begun)
    if not (run.resume and (run.folder / RECIPE).is_file()):
        clear(run.folder)


def check_room(run: Run, begun: Begun | None = None) -> None:
    """Refuse to replace what is in the folder, or to resume a run that started from something else."""
    if run.folder.is_file():
        raise OutputExistsError(f"{run.folder}: is a file; --out takes a folder")
    if run.start is not None and run.folder.resolve() in run.start.path.resolve().parents:
        raise OutputExistsError(f"{run.folder}: is the run of the model to start from; choose another --out")
    if run.patches.resolve() in (run.folder.resolve(), *run.folder.resolve().parents):
        raise OutputExistsError(f"{run.folder}: is the folder of the patches or lies in it; choose another --out")
    started = (run.folder / RECIPE).is_file()
    if run.resume and started:
        refuse_another_start(run.folder, begun)
        _refuse_another_recipe(run)
    elif started and not run.overwrite and not run.resume:
        raise OutputExistsError(
            f"{run.folder}: holds another or an unfinished run; resume it with --resume, replace it with --overwrite, "
            "or choose another --out"
        )
    else:
        refuse_existing(run.folder, "a run", run.overwrite, MARK)


def clear(folder: Path) -> None:
    """Remove what a run wrote, and nothing else."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    clear_fit(folder)


def clear_fit(folder: Path) -> None:
    """Remove metrics, checkpoints and logs."""
    (folder / METRICS).unlink(missing_ok=True)
    for name in FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)


def started_recipe(run: Run) -> Recipe | None:
    """The recipe that the run was started with, at the new number of epochs; None if it was never started."""
    if not (run.folder / RECIPE).is_file():
        return None
    return load_recipe(run.folder / RECIPE, flag="").with_changes({"train.epochs": run.recipe.train.epochs})


def _refuse_another_recipe(run: Run) -> None:
    """Raise RecipeError if the run was started with another recipe. Epochs and settled choices may differ."""
    different = first_difference(run.recipe, load_recipe(run.folder / RECIPE, flag=""))
    if different is not None:
        knob = different[0]
        wanted, started = (value if isinstance(value, str) else json.dumps(value) for value in different[1:])
        raise RecipeError(
            f"{run.folder}: was started with {knob} = {started}, not {wanted}; "
            f"--set {shlex.quote(f'{knob}={started}')} resumes it, --overwrite starts anew"
        )
