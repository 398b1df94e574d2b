"""Carrying out a run: choices settled and frozen, the network built, trained, and trained anew where memory ran out."""

import shutil
from pathlib import Path

import torch

from terrazzo.errors import InputError
from terrazzo.model.encoder_weights import load_encoder_weights
from terrazzo.model.hardware import Compute
from terrazzo.model.network import Network, build_model, normalization_for
from terrazzo.patches.folder import Patches
from terrazzo.recipe.recipe import Recipe
from terrazzo.system.files import write_text
from terrazzo.system.reporting import Progress, Say
from terrazzo.training.batch_size import settle
from terrazzo.training.fit import Fit, compute_for, fit
from terrazzo.training.run_folder import CHECKPOINTS, FOLDERS, LAST, METRICS, RECIPE, SETTLED


def carry_out(
    patches: Patches, recipe: Recipe, run: Path, device: str, progress: Progress, say: Say, started: Recipe | None
) -> tuple[Recipe, Fit | None]:
    """Train; the recipe as it was run, choices settled, and how the fit ended (None: before its first epoch's end).

    `started` is the settled recipe of the run to go on with; None begins anew. The settled recipe is written to
    recipe.yaml before the first step. Raises InputError where a GPU's memory does not hold the asked batch.
    """
    compute = compute_for(recipe, device)
    frozen, resume = started or recipe, started is not None
    while True:
        network = first_network(patches, frozen)
        if not (resume and (run / CHECKPOINTS / LAST).is_file()):
            frozen = settle_choices(network, patches, frozen, compute, say)
            write_text(run / RECIPE, f"{SETTLED}\n{frozen.to_yaml()}")
        network_name = " / ".join(filter(None, (frozen.model.arch, frozen.model.encoder)))
        say(f"training {frozen.name} ({network_name}) on {compute.describe()}")
        if frozen.train.freeze_epochs and frozen.model.encoder_weights == "none":
            say("the encoder starts from random weights, so it is not frozen in the first epochs")
        try:
            return frozen, fit(
                network, frozen, patches, run, compute=compute, resume=resume, progress=progress, say=say
            )
        except torch.OutOfMemoryError as error:
            frozen, resume = _with_less(frozen, recipe, say, error), False
            _clear(run)


def _clear(run: Path) -> None:
    """Remove what a fit wrote below `run`."""
    (run / METRICS).unlink(missing_ok=True)
    for name in FOLDERS:
        shutil.rmtree(run / name, ignore_errors=True)


def first_network(patches: Patches, recipe: Recipe) -> Network:
    """The network of a recipe with the first weights that its seed gives, on any machine and in any process."""
    torch.manual_seed(recipe.train.seed)
    normalization = normalization_for(recipe.model, patches.bands)
    return build_model(recipe.model, patches.bands, patches.schema.n_classes, normalization)


def settle_choices(network: Network, patches: Patches, recipe: Recipe, compute: Compute, say: Say) -> Recipe:
    """The recipe with its encoder weights loaded and its batch size decided."""
    changes: dict[str, object] = {
        "model.encoder_weights": load_encoder_weights(network, recipe.model, patches.bands, say)
    }
    if recipe.train.batch_size == "auto":
        n_train = len(patches.rows("train"))
        changes["train.batch_size"] = settle(network, patches.bands, patches.patch_size, n_train, compute, say)
    return recipe.with_changes(changes)


def _with_less(frozen: Recipe, asked: Recipe, say: Say, error: torch.OutOfMemoryError) -> Recipe:
    """The recipe at half its batch size where that is ours to choose. Raises InputError where it is not, or is 1."""
    batch = int(frozen.train.batch_size)
    if asked.train.batch_size != "auto" or batch == 1:
        remedy = f"--batch-size {batch // 2} or auto" if batch > 1 else "a smaller network or --patch-size"
        raise InputError(
            f"--batch-size {batch}: the device ran out of memory ({str(error).splitlines()[0]:.100}); use {remedy}"
        ) from error
    torch.cuda.empty_cache()
    say(f"out of memory at batch size {batch}: beginning anew with {batch // 2}")
    return frozen.with_changes({"train.batch_size": batch // 2})
