"""Progressive resizing as legs of a run: which epochs train at which size and learning rate."""

from dataclasses import dataclass

from terrazzo.errors import RecipeError
from terrazzo.recipe.recipe import Recipe


@dataclass(frozen=True)
class Leg:
    """Consecutive epochs of one size and learning rate. A run without stages is one leg at full size."""

    number: int
    """From 1."""
    size: int
    """Height and width to which training patches are shrunk; validation is always at full size."""
    window: int
    """Height and width of what the network trains on: `augment.crop`, or the size."""
    first: int
    """The first epoch, from 0."""
    epochs: int
    lr: float

    def __contains__(self, epoch: int) -> bool:
        return self.first <= epoch < self.first + self.epochs


def legs(recipe: Recipe, patch_size: int) -> tuple[Leg, ...]:
    """The legs of a recipe for patches of `patch_size`; together they cover the epochs 0 .. train.epochs - 1.

    Raises RecipeError if a stage is larger than the patches, or a window of `augment.crop` larger than patch or stage.
    """
    crop = recipe.augment.crop
    if crop > patch_size:
        raise RecipeError(
            f"augment.crop = {crop}: the patches have {patch_size} px; windows are cut from larger patches: "
            f"prepare with --patch-size {2 * crop}, or set augment.crop to 0"
        )
    if not recipe.stages:
        return (Leg(1, patch_size, crop or patch_size, 0, recipe.train.epochs, recipe.optimizer.lr),)
    found: list[Leg] = []
    for number, stage in enumerate(recipe.stages, start=1):
        if stage.size > patch_size:
            raise RecipeError(
                f"stages: stage {number} has size {stage.size}, the patches {patch_size} px; stages only shrink: "
                f"prepare with --patch-size {max(stage.size for stage in recipe.stages)}"
            )
        if crop > stage.size:
            raise RecipeError(
                f"augment.crop = {crop}: stage {number} has patches of {stage.size} px; give stages of {crop} px or "
                "more, or set augment.crop to 0"
            )
        first = sum(leg.epochs for leg in found)
        found.append(Leg(number, stage.size, crop or stage.size, first, stage.epochs, stage.lr or recipe.optimizer.lr))
    return tuple(found)
