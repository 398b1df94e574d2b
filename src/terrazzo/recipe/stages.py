"""Progressive resizing as legs of a run: which epochs train at which size and learning rate, and how legs compare."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from terrazzo.errors import RecipeError
from terrazzo.recipe.recipe import Recipe


@dataclass(frozen=True)
class Leg:
    """Consecutive epochs of one size and learning rate; a run without stages is one leg at the full size."""

    number: int
    """From 1."""
    size: int
    """Height and width that training patches are shrunk to; validation is always at the full size."""
    first: int
    """The first epoch, from 0."""
    epochs: int
    lr: float

    def __contains__(self, epoch: int) -> bool:
        return self.first <= epoch < self.first + self.epochs


def legs(recipe: Recipe, patch_size: int) -> tuple[Leg, ...]:
    """The legs of a recipe over patches of `patch_size`, without gap: they cover the epochs 0 .. train.epochs - 1.

    Raises RecipeError where a stage is larger than the patches.
    """
    if not recipe.stages:
        return (Leg(1, patch_size, 0, recipe.train.epochs, recipe.optimizer.lr),)
    found: list[Leg] = []
    for number, stage in enumerate(recipe.stages, start=1):
        if stage.size > patch_size:
            raise RecipeError(
                f"stages: stage {number} has size {stage.size}, the patches {patch_size} px; stages only shrink: "
                f"prepare with --patch-size {max(stage.size for stage in recipe.stages)}"
            )
        first = sum(leg.epochs for leg in found)
        found.append(Leg(number, stage.size, first, stage.epochs, stage.lr or recipe.optimizer.lr))
    return tuple(found)


@dataclass(frozen=True)
class LegResult:
    """What one leg cost and reached; scores are of the validation patches at full size."""

    stage: int
    size: int
    epochs: int
    lr: float
    minutes: float
    """Of training, validation apart."""
    images_per_s: float
    val_accuracy: float
    """Of the leg's best epoch by mean IoU, like `val_mean_iou`."""
    val_mean_iou: float
    best_epoch: int


def compare_legs(plan: Sequence[Leg], rows: Sequence[Mapping[str, Any]]) -> list[LegResult]:
    """The legs side by side from the rows of metrics.csv; legs that have no finished epoch are left out."""
    results = []
    for leg in plan:
        own = [row for row in rows if int(row["epoch"]) - 1 in leg]
        if not own:
            continue
        best = max(own, key=lambda row: float(row["val_mean_iou"]))
        seconds = sum(float(row["seconds"]) for row in own)
        seen = sum(float(row["images_per_s"]) * float(row["seconds"]) for row in own)
        results.append(
            LegResult(
                stage=leg.number,
                size=leg.size,
                epochs=len(own),
                lr=leg.lr,
                minutes=round(seconds / 60, 2),
                images_per_s=round(seen / seconds, 2) if seconds else 0.0,
                val_accuracy=float(best["val_accuracy"]),
                val_mean_iou=float(best["val_mean_iou"]),
                best_epoch=int(best["epoch"]),
            )
        )
    return results


def stage_table(results: Sequence[LegResult]) -> list[str]:
    """The comparison as lines of text, columns aligned."""
    heads = ("stage", "size", "epochs", "lr", "minutes", "images/s", "accuracy", "mean IoU")
    cells = [heads] + [
        (
            str(leg.stage), str(leg.size), str(leg.epochs), f"{leg.lr:.1e}", f"{leg.minutes:.1f}",
            f"{leg.images_per_s:.1f}", f"{leg.val_accuracy:.4f}", f"{leg.val_mean_iou:.4f}",
        )
        for leg in results
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    return ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in cells]


def stage_rows(results: Sequence[LegResult]) -> list[dict[str, Any]]:
    """The comparison as rows of plain values, for stages.csv."""
    return [asdict(leg) for leg in results]
