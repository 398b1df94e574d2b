"""A run from patches to a model file: checked, trained and written, or kept if it had finished."""

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from terrazzo._version import __version__
from terrazzo.errors import InputError, RecipeError, StoppedError
from terrazzo.model.header import Header, TrainingData
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.patches.light import light_in
from terrazzo.patches.splits.leak import describe_leak, is_leaky
from terrazzo.pixels.bands.light import Light
from terrazzo.recipe.loss_terms import check_class_weights, parse_terms
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.stages import legs
from terrazzo.system.devices import check_compute
from terrazzo.system.files import digest, folder_for
from terrazzo.system.reporting import Say, how_many
from terrazzo.training.reports.stage_report import report_stages
from terrazzo.training.run_folder import CURVES, METRICS, MODEL, Run, check_room, finished, make_room, nothing_left
from terrazzo.training.sampling import check_sampler
from terrazzo.training.starting.begun import Begun, begin, has_side, refuse_validation, shares

if TYPE_CHECKING:
    from terrazzo.model.network import Network
    from terrazzo.training.fit import Fit


_LATER_FIELDS = {
    "model": ("decoder_conv", "logits_stride", "input_stride"),
    "augment": ("scale", "crop", "robust", "mix_classes"),
    "train": ("sampler", "steps", "freeze_statistics", "distill", "distill_kept"),
}
"""Fields of recipes that came after the first version. Runs of versions without them are still known as finished."""


@dataclass(frozen=True)
class Trained:
    """A trained model: its file, its header, and how the run ended."""

    model: Path
    header: Header
    kept: bool
    """The run had finished before."""
    interrupted: bool
    """Ctrl-C ended the run; the model is the best so far."""

    def summary(self) -> list[str]:
        """The best epoch and its scores, in one line; without validation the steps and the training loss."""
        scores, data = self.header.scores or {}, self.header.training_data
        if not data.n_val:
            return [
                f"{self.header.title}: {how_many(self.header.lineage[-1].steps, 'step')}, training loss "
                f"{scores['train_loss']:.4f}; no patch was held out, so there are no scores"
            ]
        leaky = " [leaky split]" if is_leaky(data.leak) else ""
        return [
            f"{self.header.title}: best epoch {scores['epoch']} of {scores['epochs']}, validation accuracy "
            f"{scores['val_accuracy']:.4f}, mean IoU {scores['val_mean_iou']:.4f}{leaky}"
        ]

    def _repr_png_(self) -> bytes | None:
        """The curves, for notebooks; None if they were removed."""
        curves = self.model.with_name(CURVES)
        return curves.read_bytes() if curves.is_file() else None


def train_patches(run: Run) -> Trained:
    """The trained model of a run; a finished run is kept.

    All checks precede the import of torch. Raises PatchesError, RecipeError, WeightsError, OutputExistsError;
    StoppedError if Ctrl-C came before the end of the first epoch. A run that fails so early leaves no files.
    """
    check_compute(run.device)
    patches, say = open_patches(run.patches), run.reporter.say
    begun = None
    if run.start is not None:
        begun = begin(run.start, patches, run.keep, run.reporter)
        patches = begun.patches
    run = replace(run, recipe=suited(run.recipe, light_in(patches), say))
    _check(patches, run)
    key = run_key(patches, run.recipe, run.n_ranks)
    key = key if begun is None else begun.key(key)
    if (kept := finished(run.folder, key)) is not None and not run.overwrite:
        return Trained(run.folder / MODEL, kept, True, False)
    check_room(run, begun)
    if run.n_ranks > 1:
        from terrazzo.training.ranks.group import refuse_too_many

        refuse_too_many(run.device, run.devices)
    try_network(run, patches)
    make_room(run, begun)
    for line in _split_lines(patches):
        say(line)
    if run.resume and not run.has_checkpoint:
        say(f"nothing to resume in {run.folder}: training starts from the beginning")
    with folder_for(run.folder / MODEL), nothing_left(run.folder), _interrupts_kept():
        return _train(run, patches, key, begun)


def _split_lines(patches: Patches) -> list[str]:
    """How many patches there are to train on and to validate, and what scores on them are worth."""
    n_train = how_many(len(patches.rows("train")), "patch")
    if not has_side(patches, "val"):
        return [f"{n_train} to train on, none held out: the weights of the last step are kept, without scores"]
    return [
        f"{n_train} to train on, {len(patches.rows('val'))} to validate",
        describe_leak(patches.leak, patches.places_known),
    ]


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Restore Ctrl-C afterwards: Lightning ignores it after the first one, and a notebook would lose it for good."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def run_key(patches: Patches, recipe: Recipe, n_ranks: int = 1) -> str:
    """A key, equal for the same patches and recipes that train alike, whatever their names and published figures.

    `n_ranks` processes share a batch, which is that many times as large.
    """
    exclude: dict[str, Any] = dict.fromkeys(("name", "about", "data", "published"), True)
    for section, names in _LATER_FIELDS.items():
        own = getattr(recipe, section)
        exclude[section] = {name for name in names if getattr(own, name) == type(own).model_fields[name].default}
    shared = [f"{n_ranks} ranks"] * (n_ranks > 1)
    return digest(patches.content_hash, recipe.model_dump_json(exclude=exclude), *shared)


def try_network(run: Run, patches: Patches) -> None:
    """Refuse a network that cannot be trained on these patches. The classic U-Net needs no trial, and no torch yet."""
    if run.recipe.model.encoder is not None:
        from terrazzo.training.choices import try_recipe

        try_recipe(patches, run.recipe, run.device, run.n_ranks)


def _train(run: Run, patches: Patches, key: str, begun: Begun | None) -> Trained:
    from terrazzo.evaluation.calibration.temperature import calibrated
    from terrazzo.model.bundle import save
    from terrazzo.training.choices import fit_settled
    from terrazzo.training.familiarity import measured
    from terrazzo.training.reports.curves import plot_curves
    from terrazzo.training.reports.epoch_log import read_rows

    recipe, result = fit_settled(run, patches, begun)
    if result is None:
        raise StoppedError(
            f"{run.folder}: stopped by Ctrl-C before the first epoch was finished, so there is no model; "
            "the same command starts again"
        )
    validates = has_side(patches, "val")
    if not math.isfinite(result.scores["val_loss" if validates else "train_loss"]):
        raise InputError(
            f"{run.folder}: the loss is not a number even in the {'best' if validates else 'last'} epoch, so there is "
            "no model; train again with --overwrite and a lower --set optimizer.lr (`terrazzo tune` finds one)"
        )
    header = _header(patches, recipe, key if result.complete else f"{key}:stopped", result)
    if begun is not None:
        header = begun.header(header, result.steps)
    rows = read_rows(run.folder / METRICS)
    plot_curves(rows, run.folder / CURVES, leaky=validates and is_leaky(patches.leak))
    if recipe.stages:
        report_stages(legs(recipe, patches.patch_size), rows, run)
    network = _trained_network(header, result, run)
    header = replace(header, calibration=calibrated(network, patches, run.reporter))
    found = measured(network, patches, run.reporter, None if begun is None else begun.kept)
    if found is not None:
        header = replace(header, familiarity=found.familiarity)
    save(run.folder / MODEL, header, result.state, found.measure if found else None)
    return Trained(run.folder / MODEL, header, False, not result.complete)


def _trained_network(header: Header, result: "Fit", run: Run) -> "Network":
    """The network of the best epoch, on the run's device."""
    from terrazzo.model.network import build_model
    from terrazzo.training.fit import compute_for

    network = build_model(header.model, header.bands, header.schema.n_classes, header.normalization)
    network.load_state_dict(result.state)
    compute = compute_for(run.recipe, run.device)
    return network.to(compute.device).to(memory_format=compute.memory_format)


def _header(patches: Patches, recipe: Recipe, key: str, result: "Fit") -> Header:
    train_images = sorted({patches.image_hashes[image] for image in patches.image_of[patches.rows("train")]})
    data = TrainingData(
        fingerprint=patches.content_hash,
        split=str(patches.description["split_method"]),
        leak=patches.leak,
        seed=int(patches.description["seed"]),
        train_images=tuple(train_images),
        n_train=len(patches.rows("train")),
        n_val=int((patches.sides == "val").sum()),
    )
    return Header(
        terrazzo_version=__version__,
        model=recipe.model,
        bands=patches.bands,
        schema=patches.schema,
        normalization=result.normalization,
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


def suited(recipe: Recipe, light: Light, say: Say) -> Recipe:
    """The recipe without changes of colour that images have no bands for; a note says so.

    Saturation needs red, green and blue; brightness, contrast and `robust` need a band of light.
    """
    changes = ("brightness", "contrast", "saturation", "robust")
    asked = [name for name in changes if getattr(recipe.augment, name)]
    if not light.places:
        off, why = asked, "needs a band of light; these images have none"
    elif light.rgb is None:
        bands = len(light.is_light)
        off = [name for name in asked if name == "saturation"]
        why = f"needs red, green and blue, which these images of {how_many(bands, 'band')} do not name"
    else:
        off, why = [], ""
    for name in off:
        say(f"augment.{name} = {getattr(recipe.augment, name):g} {why}, so it is off")
    return recipe.with_changes({f"augment.{name}": 0 for name in off}) if off else recipe


def check_training(patches: Patches, recipe: Recipe, starts: bool = False) -> None:
    """Refuse, without torch, an empty training split, and a sampler, stages or weights that do not fit the patches.

    A recipe that keeps batch statistics needs a model that the run `starts` from.
    """
    patches.rows("train")
    check_sampler(patches, recipe.train.sampler)
    legs(recipe, patches.patch_size)
    for name, off in (("freeze_statistics", "false"), ("distill", "0"), ("distill_kept", "0")):
        if getattr(recipe.train, name) and not starts:
            raise RecipeError(
                f"recipe {recipe.name}: train.{name} needs a model to start from, and there is none; give one with "
                f"train --from MODEL, or set it to {off}"
            )
    check_class_weights(recipe.loss.class_weights, parse_terms(recipe.loss.terms), patches.schema.n_classes)


def _check(patches: Patches, run: Run) -> None:
    """Refuse, without torch, what a run cannot train on."""
    recipe, starts = run.recipe, run.start is not None
    check_training(patches, recipe, starts)
    if not starts:
        patches.rows("val")
        _check_network(patches, recipe)
    elif not has_side(patches, "val"):
        refuse_validation(recipe, patches)
    if run.keep is not None and recipe.train.batch_size != "auto":
        shares(int(recipe.train.batch_size))
    if not any(entry["pixels"] for entry in patches.description["classes"]):
        raise RecipeError(f"{patches.path}: every pixel is ignored, so there is nothing to learn; prepare it again")


def _check_network(patches: Patches, recipe: Recipe) -> None:
    """Refuse means of other bands, and a file of encoder weights that is not there."""
    if recipe.model.mean is not None and len(recipe.model.mean) != patches.bands:
        raise RecipeError(f"model.mean has {len(recipe.model.mean)} values, the patches {patches.bands} bands")
    wanted = recipe.model.encoder_weights
    if wanted not in ("none", "auto", "imagenet") and not Path(wanted).is_file():
        raise RecipeError(
            f"model.encoder_weights = {wanted}: no such file; expected imagenet, none, auto, or a .pth or .safetensors"
        )
