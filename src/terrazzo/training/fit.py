"""Training on Lightning: the trainer, its checkpoints and its stopping rules."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import lightning
import torch
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.strategies import DDPStrategy

from terrazzo.errors import RecipeError
from terrazzo.evaluation.metrics import BEST_BY
from terrazzo.model.hardware import Compute, choose
from terrazzo.model.network import Network
from terrazzo.model.normalization import Normalization
from terrazzo.patches.folder import Patches
from terrazzo.patches.light import light_in
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.sections import ScheduleSection, TrainSection
from terrazzo.recipe.stages import legs
from terrazzo.system.files import write_beside
from terrazzo.system.reporting import how_many
from terrazzo.training.batches import BatchOrder, batches, holding, in_order
from terrazzo.training.learner import Learner
from terrazzo.training.ranks.rank import ALONE, Rank
from terrazzo.training.reports.epoch_log import SCORES, EpochLog, keep_rows, read_rows
from terrazzo.training.run_folder import BEST, CHECKPOINTS, LAST, METRICS, TENSORBOARD, Run
from terrazzo.training.sampling import sampling_weights
from terrazzo.training.starting.begun import Begun, has_side, shares
from terrazzo.training.starting.mixing import MixedOrder, mixed_batches
from terrazzo.training.starting.weights import teacher_of
from terrazzo.training.step import freezes


@dataclass(frozen=True)
class Fit:
    """The result of training: the best weights, their epoch (from 1) and scores, and whether it ran to its end.

    Without validation patches they are the last weights, and the scores are the training loss alone.
    """

    state: dict[str, torch.Tensor]
    best_epoch: int
    scores: dict[str, float]
    epochs_done: int
    steps: int
    """Steps of the weights until that epoch's end."""
    complete: bool
    normalization: Normalization
    """How the network sees pixels."""


def compute_for(recipe: Recipe, device: str) -> Compute:
    """Device, precision and memory format of a training run."""
    return choose(device, recipe.train.precision, recipe.train.channels_last)


def fit(
    network: Network,
    run: Run,
    patches: Patches,
    compute: Compute,
    begun: Begun | None = None,
    rank: Rank = ALONE,
) -> Fit | None:
    """The best weights of a run, by validation mean IoU; the last ones where no patch is held out for validation.

    `network` is trained in place. Where the run has `begun` from a model, half of each batch is of the patches that it
    keeps, if there are some. Writes metrics.csv, tensorboard/ and checkpoints/{best,last}.ckpt into the run's folder. A
    resumed run starts from last.ckpt. Where ranks share each batch, all of them call this: the leading one writes the
    files, the others return None. Ctrl-C ends training: the best weights so far are returned, or None if no epoch
    was finished.
    """
    recipe, folder = run.recipe, run.folder
    kept = None if begun is None else begun.kept
    batch_size = int(recipe.train.batch_size)  # settled, so not `auto`
    own, n_kept = (batch_size, 0) if kept is None else shares(batch_size)
    weights = sampling_weights(patches, recipe.train.sampler, run.reporter)
    order = BatchOrder(patches.rows("train"), own, recipe.train.seed, weights, _length(recipe.train), rank)
    on = holding(patches, compute.device)
    train = in_order(patches, order, on) if kept is None else mixed_batches(patches, kept, order, n_kept)
    validates = has_side(patches, "val")
    val_batch = _whole_patches(batch_size, recipe.augment.crop, patches.patch_size)
    val = batches(patches, "val", val_batch, rank=rank) if validates else None
    plan = legs(recipe, patches.patch_size)
    learner = Learner(network, recipe, patches.schema.names, compute.memory_format, plan, light_in(patches))
    learner.to(memory_format=compute.memory_format)
    learner.step.rank, learner.step.n_kept = rank, n_kept
    learner.n_patches = cast(BatchOrder | MixedOrder, train.sampler).n_patches
    learner.step.teacher = None if begun is None else teacher_of(begun, recipe.train, compute)
    n_images = round(len(order) * (len(order.rows) / order.batches_a_pass + n_kept * rank.count))
    log = [EpochLog(folder / METRICS, n_images, run.reporter, validates)] if rank.leads else []
    last = folder / CHECKPOINTS / LAST
    resumes = run.resume and run.has_checkpoint
    if resumes:
        _refuse_other_ranks(run, last)
    with _quiet_libraries():
        trainer = _trainer(run, compute, [*log, *_checkpoints(folder, validates)])
        complete = _run(trainer, learner, train, val, last if resumes else None)
    if not rank.leads:
        return None
    chosen = folder / CHECKPOINTS / (BEST if validates else LAST)
    if not chosen.is_file():
        return None
    best = torch.load(chosen, map_location="cpu", weights_only=True)
    prefix = "average.module." if recipe.train.ema else "network."
    state = {name[len(prefix) :]: value for name, value in best["state_dict"].items() if name.startswith(prefix)}
    best_epoch = int(best["epoch"]) + 1
    if not complete:
        keep_rows(folder / METRICS, max(best_epoch, _last_epoch(last)))
    rows = read_rows(folder / METRICS)  # from the file, as a run killed after its last epoch logs nothing when resumed
    row = next(row for row in rows if int(row["epoch"]) == best_epoch)
    scores = {name: row[name] for name in (SCORES if validates else ("train_loss",))}
    steps, normalization = int(best["global_step"]), network.normalizer.normalization
    return Fit(state, best_epoch, scores, len(rows), steps, complete, normalization)


def _refuse_other_ranks(run: Run, checkpoint: Path) -> None:
    """Raise RecipeError where another number of processes shared a batch before: other batches would follow."""
    before = int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True).get("ranks", 1))
    if before != run.n_ranks:
        raise RecipeError(
            f"{run.folder}: was started on {how_many(before, 'device')}, not {run.n_ranks}; resume it with --devices "
            f"{before}, or start anew with --overwrite"
        )


def _length(section: TrainSection) -> int | None:
    """Batches of an epoch, where a number of steps is set; None: as many as show each patch once."""
    return section.steps // section.epochs * section.accumulate or None


def _whole_patches(batch_size: int, crop: int, patch_size: int) -> int:
    """The batch size of validation: as many pixels as the windows of a training batch have, so that memory holds it."""
    return max(1, batch_size * crop**2 // patch_size**2) if crop else batch_size


def _last_epoch(checkpoint: Path) -> int:
    """The epoch, from 1, that a checkpoint holds; 0 where there is none."""
    if not checkpoint.is_file():
        return 0
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["epoch"]) + 1


def _run(trainer: lightning.Trainer, learner: Learner, train: Any, val: Any, checkpoint: Path | None) -> bool:
    """Train; False if Ctrl-C ended it (Lightning exits after its own clean-up)."""
    try:
        trainer.fit(learner, train, val, ckpt_path=checkpoint, weights_only=True)
    except (KeyboardInterrupt, SystemExit):
        return False
    return not trainer.interrupted


def _trainer(run: Run, compute: Compute, callbacks: list[Callback]) -> lightning.Trainer:
    recipe, folder, on_gpu = run.recipe, run.folder, compute.device.type == "cuda"
    devices: Any = [compute.device.index or 0] if on_gpu else 1
    plugins: list[Any] = [WholeCheckpoints()]
    several: dict[str, Any] = {}
    if run.n_ranks > 1:
        devices = list(range(run.devices)) if on_gpu else run.devices
        plugins.append(TorchElasticEnvironment())
        # Weights of a frozen encoder get no gradient for a while, which torch must be told to look for.
        strategy = DDPStrategy(find_unused_parameters=freezes(recipe))
        several = {"num_nodes": run.nodes, "strategy": strategy, "sync_batchnorm": on_gpu}
    return lightning.Trainer(
        accelerator={"cuda": "gpu"}.get(compute.device.type, compute.device.type),
        devices=devices,
        plugins=plugins,
        **several,
        precision="bf16-mixed" if compute.precision == "bf16" else "32-true",
        max_epochs=recipe.train.epochs,
        callbacks=[*callbacks, *_stopping(recipe.schedule)],
        logger=TensorBoardLogger(folder, name="", version=TENSORBOARD),
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1_000_000_000,
        accumulate_grad_batches=recipe.train.accumulate,
        use_distributed_sampler=False,
    )


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are written beside and renamed: a killed run leaves the one before, whole."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint; the leading rank alone is asked to."""
        with write_beside(Path(path)) as temporary:
            torch.save(checkpoint, temporary)


def _checkpoints(folder: Path, validates: bool) -> list[Callback]:
    """The best epoch's checkpoint, if there are scores, then the last epoch's, which records the best one.

    Two callbacks, because with `save_last` Lightning writes the last checkpoint only when there is a new best.
    """
    mode = "max" if BEST_BY.higher_is_better else "min"
    options: dict[str, Any] = {"enable_version_counter": False, "save_on_train_epoch_end": True}
    best = ModelCheckpoint(folder / CHECKPOINTS, Path(BEST).stem, monitor=f"val_{BEST_BY.name}", mode=mode, **options)
    last = ModelCheckpoint(folder / CHECKPOINTS, Path(LAST).stem, **options)
    return [best, last] if validates else [last]


def _stopping(section: ScheduleSection) -> list[Callback]:
    if not section.early_stopping:
        return []
    return [EarlyStopping("val_loss", patience=section.early_stopping, mode="min", check_finite=True)]


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep Lightning's advice off the screen: our lines say what matters, and our loaders need no workers."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
            warnings.filterwarnings("ignore", message=".*isinstance.treespec.*")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
