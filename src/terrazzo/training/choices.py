"""Training with what a recipe leaves open settled on this machine: encoder weights and batch size."""

from dataclasses import replace

import torch

from terrazzo.errors import InputError
from terrazzo.model.band_filters import RGB
from terrazzo.model.band_statistics import normalization_of
from terrazzo.model.encoder_weights import load_encoder_weights
from terrazzo.model.hardware import Compute
from terrazzo.model.network import Network, build_model
from terrazzo.model.normalization import Normalization
from terrazzo.model.trial import Trial, try_model
from terrazzo.model.windows.tiling import default_window
from terrazzo.patches.folder import Patches
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.stages import legs
from terrazzo.system.files import write_text
from terrazzo.system.reporting import first_line
from terrazzo.training.batch_size import settle
from terrazzo.training.fit import Fit, compute_for, fit
from terrazzo.training.ranks.environment import place_in
from terrazzo.training.ranks.group import own_device
from terrazzo.training.ranks.leading import gathered
from terrazzo.training.run_folder import RECIPE, SETTLED, Run, clear_fit, started_recipe
from terrazzo.training.starting.begun import Begun, write_record
from terrazzo.training.starting.weights import started_network


def fit_settled(run: Run, patches: Patches, begun: Begun | None = None) -> tuple[Recipe, Fit | None]:
    """The recipe with its choices settled, and the result of training (None: stopped within the first epoch).

    A run that has `begun` from a model takes network and weights from it.

    A resumed run keeps its choices. Otherwise they are written to recipe.yaml before the first step. Each time memory
    runs out, an automatic batch size is halved and training starts over. Raises InputError where memory does not hold
    a batch size that was given.
    """
    compute = compute_for(run.recipe, own_device(run.device, place_in(run.devices, run.nodes)))
    say = run.reporter.say
    started = started_recipe(run) if run.resume else None
    settled = replace(run, recipe=started or run.recipe, resume=started is not None)
    # Of the recipe as asked: the same when resumed.
    normalization = normalization_of(run.recipe.model, patches) if begun is None else None
    kept = None if begun is None else begun.kept
    while True:
        if begun is None:
            network = first_network(patches, settled.recipe, normalization)
        else:
            network = started_network(begun, settled.recipe.train.seed)
        if not (settled.resume and settled.has_checkpoint):
            if begun is None:
                recipe = settle_choices(network, patches, settled.recipe, compute, run)
            else:
                n_train = len(patches.rows("train")) + (0 if kept is None else len(kept.rows("train")))
                recipe = settle_batch(network, patches, settled.recipe, compute, run, n_train)
                write_record(run.folder, begun)
            settled = replace(settled, recipe=recipe)
            write_text(run.folder / RECIPE, f"{SETTLED}\n{settled.recipe.to_yaml()}")
        recipe = settled.recipe
        say(
            f"training {recipe.name} ({' / '.join(filter(None, (recipe.model.arch, recipe.model.encoder)))}) "
            f"on {f'{run.n_ranks} x ' if run.n_ranks > 1 else ''}{compute.describe()}"
        )
        if recipe.train.freeze_epochs and recipe.model.encoder_weights == "none":
            whose = "encoder starts from" if begun is None else "model's encoder was trained from"
            say(f"the {whose} random weights, so it is not frozen in the first epochs")
        if recipe.augment.mix_classes and recipe.train.batch_size == 1:
            say("augment.mix_classes takes pieces from another patch of the batch; a batch of one has none: it is off")
        try:
            with gathered(settled, normalization) as rank:
                return recipe, fit(network, settled, patches, compute, begun, rank)
        except torch.OutOfMemoryError as error:
            settled = replace(settled, recipe=_with_less(recipe, run, error), resume=False)
            clear_fit(run.folder)


def first_network(patches: Patches, recipe: Recipe, normalization: Normalization | None = None) -> Network:
    """The network of a recipe with its initial weights, which depend on the recipe's seed alone.

    Its normalization is that of the recipe and the patches, unless it is given.
    """
    torch.manual_seed(recipe.train.seed)
    normalization = normalization or normalization_of(recipe.model, patches)
    return build_model(recipe.model, patches.bands, patches.schema.n_classes, normalization)


def try_recipe(patches: Patches, recipe: Recipe, device: str, n_ranks: int = 1) -> None:
    """Raise RecipeError, before anything is written, if the network cannot be trained on patches like these."""
    n_train, batch = len(patches.rows("train")), recipe.train.batch_size
    smallest = 2
    if batch != "auto":  # of a batch that `n_ranks` processes share, each has as much
        smallest = -(-(n_train // -(-n_train // (int(batch) * n_ranks))) // n_ranks)
    sizes = dict.fromkeys((*(leg.window for leg in legs(recipe, patches.patch_size)), patches.patch_size))
    trial = Trial(
        bands=patches.bands,
        n_classes=patches.schema.n_classes,
        sizes=tuple(sizes),
        window=default_window(patches.patch_size, patches.fit, recipe.model.scale),
        batch=min(2, smallest, n_train),
    )
    try_model(recipe.model, trial, compute_for(recipe, device))


def try_before_preparing(recipe: Recipe, device: str) -> None:
    """`try_recipe` for the patches that the recipe's data section asks for, of red, green and blue."""
    size = recipe.data.patch_size
    sizes = tuple(dict.fromkeys((recipe.augment.crop or size, size)))
    window = default_window(size, recipe.data.fit, recipe.model.scale)
    try_model(recipe.model, Trial(3, 2, sizes, window), compute_for(recipe, device))


def band_names(patches: Patches) -> tuple[str, ...]:
    """The names of the bands: those of rasters, red, green and blue of photos, else their numbers."""
    if patches.band_reading is not None:
        return patches.band_reading.names
    return RGB if patches.bands == len(RGB) else tuple(f"band {number + 1}" for number in range(patches.bands))


def settle_choices(network: Network, patches: Patches, recipe: Recipe, compute: Compute, run: Run) -> Recipe:
    """The recipe with its encoder weights loaded and its batch size decided."""
    found = load_encoder_weights(network, recipe.model, band_names(patches), run.reporter.say)
    recipe = recipe.with_changes({"model.encoder_weights": found})
    return settle_batch(network, patches, recipe, compute, run, len(patches.rows("train")))


def settle_batch(
    network: Network, patches: Patches, recipe: Recipe, compute: Compute, run: Run, n_train: int
) -> Recipe:
    """The recipe with its batch size decided, of at most `n_train` patches over all processes."""
    if recipe.train.batch_size != "auto":
        return recipe
    size = recipe.augment.crop or patches.patch_size
    most = -(-n_train // run.n_ranks)
    batch_size = settle(network, (patches.bands, size), most, compute, run.reporter.say, run.devices)
    return recipe.with_changes({"train.batch_size": batch_size})


def _with_less(settled: Recipe, run: Run, error: torch.OutOfMemoryError) -> Recipe:
    """The recipe at half its batch size. Raises InputError where that size was given, or is 1."""
    batch = int(settled.train.batch_size)
    if run.recipe.train.batch_size != "auto" or batch == 1:
        remedy = f"--batch-size {batch // 2} or auto" if batch > 1 else "a smaller network or --patch-size"
        raise InputError(
            f"--batch-size {batch}: the device ran out of memory ({first_line(error):.100}); use {remedy}"
        ) from error
    torch.cuda.empty_cache()
    run.reporter.say(f"out of memory at batch size {batch}: starting over with {batch // 2}")
    return settled.with_changes({"train.batch_size": batch // 2})
