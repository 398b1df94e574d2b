"""Headers of model files that were never written."""

from terrazzo.classes.schema import ClassSchema
from terrazzo.model.header import Header, TrainingData
from terrazzo.model.normalization import Normalization
from terrazzo.recipe.sections import ModelSection

HEADER = Header(
    terrazzo_version="0",
    model=ModelSection(),
    bands=3,
    schema=ClassSchema(("Red", "Green", "Blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255))),
    normalization=Normalization("unit", (0.0,) * 3, (1.0,) * 3),
    patch_size=256,
    fit="crop",
    recipe={},
    training_data=TrainingData("", "group", {}, 0, (), 0, 0),
    key="",
)
