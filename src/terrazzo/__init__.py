"""Aerial, drone and satellite images with coloured masks in, a segmentation model and land-cover maps out.

Every command of the command line is one function here, with the same name and arguments:

    import terrazzo
    terrazzo.prepare("Semantic segmentation dataset", out="patches", say=print)
    terrazzo.train("patches", recipe="unet-resnet34", out="runs/dubai", say=print)
    ids, probs = terrazzo.load("runs/dubai/model.safetensors").predict(image)

Importing the package loads nothing heavy; each function imports what it needs after its arguments were checked.
"""

from terrazzo._version import __version__
from terrazzo.diagnosis.doctor import doctor
from terrazzo.errors import TerrazzoError
from terrazzo.evaluation.average import average
from terrazzo.evaluation.evaluate import evaluate
from terrazzo.evaluation.map_accuracy.sample import sample
from terrazzo.evaluation.show import show
from terrazzo.improving.adapt import adapt
from terrazzo.improving.comparing.compare import compare
from terrazzo.improving.suggesting.suggest import suggest
from terrazzo.inspection import inspect
from terrazzo.maps.predict import predict
from terrazzo.model.exporting.export import export
from terrazzo.model.opening import load
from terrazzo.preparing.prepare import prepare
from terrazzo.recipe.catalogue import recipes
from terrazzo.scenes.download import download
from terrazzo.scenes.synthesize import synthesize
from terrazzo.serving.serve import serve
from terrazzo.serving.work import work
from terrazzo.training.train import train
from terrazzo.training.tune import tune

__all__ = [
    "TerrazzoError",
    "__version__",
    "adapt",
    "average",
    "compare",
    "doctor",
    "download",
    "evaluate",
    "export",
    "inspect",
    "load",
    "predict",
    "prepare",
    "recipes",
    "sample",
    "serve",
    "show",
    "suggest",
    "synthesize",
    "train",
    "tune",
    "work",
]
