"""Small networks and model files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from terrazzo.classes.schema import ClassSchema
from terrazzo.model import bundle
from terrazzo.model.header import Header, TrainingData
from terrazzo.model.network import Network, build_model, normalization_for
from terrazzo.model.normalization import Normalization
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.sections import LossSection, ModelSection

SCHEMA = ClassSchema(("a", "b", "c"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)))


def build(section: ModelSection, bands: int = 3, n_classes: int = 3) -> Network:
    torch.manual_seed(0)
    return build_model(section, bands, n_classes, normalization_for(section, bands)).eval()


def header(section: ModelSection, bands: int = 3) -> Header:
    data = TrainingData("f", "group", {"image": 0.0, "group": 0.0}, 0, ("00ff",), 2, 1)
    recipe = Recipe(model=section).model_dump(mode="json")
    return Header("0", section, bands, SCHEMA, normalization_for(section, bands), 64, "crop", recipe, data, "key")


NAMES = ("Red", "Green", "Blue")

COLORS = ((200, 30, 30), (30, 160, 60), (20, 60, 220))


def write_model(
    path: Path,
    bands: int = 3,
    fit: str = "crop",
    patch_size: int = 32,
    normalization: Normalization | None = None,
    names: tuple[str, str, str] = NAMES,
    constant: tuple[float, ...] | None = None,
    **changes: Any,
) -> Path:
    """A classic U-Net of two levels that hands its input through the upper one: logits are 40 x band.

    With `constant` its probabilities are these everywhere. `changes` are fields of the header.
    """
    section = ModelSection(filters=(bands, bands), dropout=0)
    normalization = normalization or Normalization("unit", (0.0,) * bands, (1.0,) * bands)
    state = build_model(section, bands, 3, normalization).state_dict()
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.zero_()
            if name.startswith(("body.down.0", "body.merge.0")) and name.endswith("weight"):
                for band in range(bands):
                    tensor[band, band, 1, 1] = 1
        for band in range(3):
            state["body.head.weight"][band, band % bands] = 40
        if constant is not None:
            state["body.head.weight"].zero_()
            state["body.head.bias"][:] = torch.tensor(constant).log()
    header = Header(
        terrazzo_version="0",
        model=section,
        bands=bands,
        schema=ClassSchema(names, COLORS),
        normalization=normalization,
        patch_size=patch_size,
        fit=fit,
        recipe={"loss": LossSection(terms="ce").model_dump(mode="json")},
        training_data=TrainingData("", "group", {}, 0, (), 0, 0),
        key="",
    )
    bundle.save(path, replace(header, **changes), state)
    return path
