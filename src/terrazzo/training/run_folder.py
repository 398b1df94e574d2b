"""The names in a run's folder.

model.safetensors     the best weights and everything about them; written last, so its presence means finished
recipe.yaml           the recipe as it was run, choices settled
metrics.csv           one line an epoch
curves.png            the same, drawn
checkpoints/          best.ckpt, last.ckpt
tensorboard/          the same figures for TensorBoard
stages.csv, .png      what each stage of progressive resizing cost and reached, where the recipe has stages
"""

from terrazzo.system.files import Mark

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
