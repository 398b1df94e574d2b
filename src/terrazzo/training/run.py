"""A training run as a folder: what `train` checks, writes, keeps, refuses and resumes; `run_files` names its files."""

import csv
import math
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from terrazzo._version import __version__
from terrazzo.errors import InputError, RecipeError, StoppedError
from terrazzo.model.header import Header, TrainingData
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.patches.splits.leak import describe_leak, is_leaky
from terrazzo.recipe.loss_terms import check_class_weights, parse_terms
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.stages import Leg, legs
from terrazzo.system.devices import check_compute
from terrazzo.system.files import digest, folder_for, write_beside
from terrazzo.system.reporting import Progress, Say, how_many
from terrazzo.training.run_folder import (
    CHECKPOINTS,
    CURVES,
    LAST,
    METRICS,
    MODEL,
    STAGE_CURVES,
    STAGES,
    RunOptions,
    finished,
    make_room,
    nothing_left,
    started_recipe,
)
from terrazzo.training.stage_results import LegResult, compare_legs, stage_rows, stage_table

if TYPE_CHECKING:
    from terrazzo.training.fit import Fit


@dataclass(frozen=True)
class Trained:
    """How a run stands: the model file, its header, and how it came about."""

    model: Path
    header: Header
    kept: bool
    """The finished run was there already."""
    interrupted: bool
    """Ctrl-C ended it; the model is the best up to then."""

    def summary(self) -> list[str]:
        """The model in one line: its best epoch and what it scored there."""
        scores, data = self.header.scores or {}, self.header.training_data
        leaky = " (leaky split: flattering)" if is_leaky(data.leak) else ""
        return [
            f"{self.header.title}: best epoch {scores['epoch']} of {scores['epochs']}, validation accuracy "
            f"{scores['val_accuracy']:.4f}, mean IoU {scores['val_mean_iou']:.4f}{leaky}"
        ]

    def _repr_png_(self) -> bytes | None:
        """The curves, for notebooks; None where they were removed."""
        curves = self.model.with_name(CURVES)
        return curves.read_bytes() if curves.is_file() else None


def train_patches(
    patches_path: Path, recipe: Recipe, run: Path, options: RunOptions, progress: Progress, say: Say
) -> Trained:
    """Train the recipe on the patches, into the folder `run`.

    Every check comes before torch is imported. Raises PatchesError, RecipeError, WeightsError, OutputExistsError;
    StoppedError where Ctrl-C came before the first epoch was finished. What fails that early leaves nothing behind.
    """
    check_compute(options.device)
    patches = open_patches(patches_path)
    recipe = suited(recipe, patches.bands, say)
    _check(patches, recipe)
    key = run_key(patches, recipe)
    if (kept := finished(run, key)) is not None and not options.overwrite:
        return Trained(run / MODEL, kept, True, False)
    make_room(run, recipe, key, options)
    say(f"{how_many(len(patches.rows('train')), 'patch')} to train on, {len(patches.rows('val'))} to validate")
    say(describe_leak(patches.leak))
    if options.resume and not (run / CHECKPOINTS / LAST).is_file():
        say(f"nothing to resume in {run}: the training begins anew")
    with folder_for(run / MODEL), nothing_left(run), _interrupts_kept():
        return _train(patches, recipe, run, key, options, progress, say)


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Ctrl-C as it was before: Lightning ignores it from the first one on, which a notebook would never get rid of."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def run_key(patches: Patches, recipe: Recipe) -> str:
    """Equal for runs of the same patches and of recipes that train alike, whatever their names and figures."""
    return digest(patches.content_hash, recipe.model_dump_json(exclude={"name", "about", "data", "published"}))


def _train(
    patches: Patches, recipe: Recipe, run: Path, key: str, options: RunOptions, progress: Progress, say: Say
) -> Trained:
    from terrazzo.model.bundle import save
    from terrazzo.training.attempts import carry_out
    from terrazzo.training.curves import plot_curves
    from terrazzo.training.epoch_log import read_rows

    started = started_recipe(run, recipe) if options.resume else None
    frozen, result = carry_out(patches, recipe, run, options.device, progress, say, started)
    if result is None:
        raise StoppedError(
            f"{run}: stopped by Ctrl-C before the first epoch was finished, so there is no model; "
            "the same command begins anew"
        )
    if not math.isfinite(result.scores["val_loss"]):
        raise InputError(
            f"{run}: the loss is no number even in the best epoch, so there is no model; "
            "begin anew with --overwrite and a lower --set optimizer.lr (`terrazzo tune` finds one)"
        )
    header = _header(patches, frozen, key if result.complete else f"{key}:stopped", result)
    rows = read_rows(run / METRICS)
    plot_curves(rows, run / CURVES, leaky=is_leaky(patches.leak))
    if frozen.stages:
        _compare_stages(legs(frozen, patches.patch_size), rows, run, say)
    save(run / MODEL, header, result.state)
    return Trained(run / MODEL, header, False, not result.complete)


def _compare_stages(plan: Sequence[Leg], rows: Sequence[Mapping[str, Any]], run: Path, say: Say) -> None:
    """Say, write and draw what each stage cost and reached."""
    from terrazzo.training.stage_results import plot_stages

    results = compare_legs(plan, rows)
    for line in stage_table(results):
        say(line)
    with write_beside(run / STAGES) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(LegResult)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(stage_rows(results))
    plot_stages(results, rows, run / STAGE_CURVES)


def _header(patches: Patches, recipe: Recipe, key: str, result: "Fit") -> Header:
    from terrazzo.model.network import normalization_for

    train_images = sorted({patches.image_hashes[image] for image in patches.image_of[patches.rows("train")]})
    data = TrainingData(
        fingerprint=patches.content_hash,
        split=str(patches.description["split_method"]),
        leak=patches.leak,
        seed=int(patches.description["seed"]),
        train_images=tuple(train_images),
        n_train=len(patches.rows("train")),
        n_val=len(patches.rows("val")),
    )
    return Header(
        terrazzo_version=__version__,
        model=recipe.model,
        bands=patches.bands,
        schema=patches.schema,
        normalization=normalization_for(recipe.model, patches.bands),
        patch_size=patches.patch_size,
        fit=patches.fit,
        downsample=patches.downsample,
        gsd_m=patches.gsd_m,
        band_reading=patches.band_reading,
        recipe=recipe.model_dump(mode="json"),
        training_data=data,
        key=key,
        scores={"epoch": result.best_epoch, "epochs": result.epochs_done, **result.scores},
    )


def suited(recipe: Recipe, bands: int, say: Say) -> Recipe:
    """The recipe without what images of so many bands cannot take, which is said: saturation is of three bands."""
    if bands == 3 or not recipe.augment.saturation:
        return recipe
    say(f"augment.saturation = {recipe.augment.saturation:g} is for images of three bands; these have {bands}: it is 0")
    return recipe.with_changes({"augment.saturation": 0})


def _check(patches: Patches, recipe: Recipe) -> None:
    """What can be refused without torch: empty splits, class weights of another length, a missing weights file."""
    patches.rows("train"), patches.rows("val")
    legs(recipe, patches.patch_size)
    check_class_weights(recipe.loss.class_weights, parse_terms(recipe.loss.terms), patches.schema.n_classes)
    if recipe.model.mean is not None and len(recipe.model.mean) != patches.bands:
        raise RecipeError(f"model.mean has {len(recipe.model.mean)} values, the patches {patches.bands} bands")
    wanted = recipe.model.encoder_weights
    if wanted not in ("none", "auto", "imagenet") and not Path(wanted).is_file():
        raise RecipeError(
            f"model.encoder_weights = {wanted}: no such file; expected imagenet, none, auto, or a .pth or .safetensors"
        )
    if not any(entry["pixels"] for entry in patches.description["classes"]):
        raise RecipeError(f"{patches.path}: every pixel is ignored, so there is nothing to learn; prepare it anew")
