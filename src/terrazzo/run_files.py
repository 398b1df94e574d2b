"""The names in a run's folder.

model.safetensors     the best weights and everything about them; written last, so its presence means finished
recipe.yaml           the recipe as it was run, choices settled
metrics.csv           one line an epoch
curves.png            the same, drawn
checkpoints/          best.ckpt, last.ckpt
tensorboard/          the same figures for TensorBoard
stages.csv, .png      what each stage of progressive resizing cost and reached, where the recipe has stages
"""

MODEL, RECIPE, METRICS, CURVES = "model.safetensors", "recipe.yaml", "metrics.csv", "curves.png"
CHECKPOINTS, BEST, LAST, TENSORBOARD = "checkpoints", "best.ckpt", "last.ckpt", "tensorboard"
STAGES, STAGE_CURVES = "stages.csv", "stages.png"

FILES = (MODEL, RECIPE, METRICS, CURVES, STAGES, STAGE_CURVES)
FOLDERS = (CHECKPOINTS, TENSORBOARD)
