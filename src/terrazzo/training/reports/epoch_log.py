"""The log of a run: metrics.csv, progress, and a line for each epoch."""

import csv
import time
from pathlib import Path
from typing import Any, cast

from lightning import Callback, LightningModule, Trainer

from terrazzo.evaluation.metrics import EPOCH_METRICS
from terrazzo.system.files import csv_text, write_text
from terrazzo.system.reporting import Reporter
from terrazzo.training.learner import Learner

SCORES = tuple(f"val_{metric.name}" for metric in EPOCH_METRICS)
"""The columns of validation."""
COLUMNS = ("epoch", "stage", "size", "train_loss", *SCORES, "lr", "seconds", "images_per_s")
"""The columns of metrics.csv. `epoch` and `stage` count from 1, `size` is the side of the training patches, `lr` the
mean over the epoch's steps. `seconds` and `images_per_s` exclude validation. Where no patch is held out, the columns of
validation are empty."""


class EpochLog(Callback):
    """Writes metrics.csv and reports a line after each epoch; reports progress in images."""

    def __init__(self, path: Path, n_images: int, reporter: Reporter, validates: bool = True) -> None:
        self.path = path
        self.n_images = n_images
        self.reporter = reporter
        self.validates = validates
        self.rows: list[dict[str, Any]] = []
        self._started = 0.0
        self._trained = 0.0
        self._seen = 0

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Report from which epoch the run is resumed."""
        self.reporter.say(f"resuming after epoch {int(checkpoint['epoch']) + 1} of {trainer.max_epochs}")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the rows of the epochs that a resumed run has finished."""
        if self.path.is_file():
            with self.path.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.DictReader(stream))
            self.rows = [row for row in rows if int(row["epoch"]) <= trainer.current_epoch]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock of the epoch."""
        self._started, self._seen = time.perf_counter(), 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report how many images of the whole run have been seen."""
        learner = cast(Learner, pl_module)
        whole = learner.n_patches
        self._seen += len(batch[1]) if whole is None else whole(trainer.current_epoch, batch_idx)
        self._trained = time.perf_counter() - self._started
        done = trainer.current_epoch * self.n_images + self._seen
        self.reporter.progress("training, images", done, (trainer.max_epochs or 1) * self.n_images)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write and report the metrics of the epoch, which the learner has logged."""
        logged = trainer.callback_metrics
        row = self._add(trainer, pl_module, {name: float(logged[name]) for name in COLUMNS if name in logged})
        self.reporter.say(
            f"epoch {row['epoch']}/{trainer.max_epochs}: loss {row['train_loss']:.4f}, "
            f"val loss {row['val_loss']:.4f}, accuracy {row['val_accuracy']:.4f}, mean IoU {row['val_mean_iou']:.4f} "
            f"({row['images_per_s']:.1f} images/s, {row['seconds']:.0f} s)"
        )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write and report the loss of an epoch without validation."""
        if self.validates:
            return
        row = self._add(trainer, pl_module, {"train_loss": cast(Learner, pl_module).train_loss})
        self.reporter.say(
            f"epoch {row['epoch']}/{trainer.max_epochs}: loss {row['train_loss']:.4f}, step {trainer.global_step} "
            f"({row['images_per_s']:.1f} images/s, {row['seconds']:.0f} s)"
        )

    def _add(self, trainer: Trainer, pl_module: LightningModule, figures: dict[str, float]) -> dict[str, Any]:
        """The row of the epoch with these figures, written to metrics.csv."""
        learner = cast(Learner, pl_module)
        row: dict[str, Any] = {"epoch": trainer.current_epoch + 1, "stage": learner.leg.number}
        row["size"] = learner.leg.size
        row |= {name: round(value, 6) for name, value in figures.items()}
        row["lr"] = f"{learner.lr:.3e}"
        row["seconds"] = round(self._trained, 2)
        row["images_per_s"] = round(self._seen / self._trained, 2) if self._trained else 0.0
        self.rows.append(row)
        write_rows(self.path, self.rows)
        return row


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write metrics.csv, whole or not at all."""
    write_text(path, csv_text(COLUMNS, ([row.get(column, "") for column in COLUMNS] for row in rows)))


def keep_rows(path: Path, last_epoch: int) -> None:
    """Remove the epochs after `last_epoch` from metrics.csv: a resumed run repeats them."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    write_rows(path, [row for row in rows if int(row["epoch"]) <= last_epoch])


def read_rows(path: Path) -> list[dict[str, float]]:
    """The rows of a metrics.csv as numbers, one dict per epoch."""
    with path.open(encoding="utf-8", newline="") as stream:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(stream)]
