"""The model that a run starts from, and the recipe that trains it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError, RecipeError
from terrazzo.model.exporting.formats import format_of
from terrazzo.model.header import Header, read_header
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.sections import ModelSection
from terrazzo.system.reporting import Say

HOW = "train --from"
"""What the lineage calls it."""


@dataclass(frozen=True)
class Start:
    """A model file to start from."""

    path: Path
    sha256: str
    header: Header


def open_start(path: Path) -> Start:
    """The model to start from. Raises InputError (no such file, an export) or ModelFileError."""
    if path.is_file() and format_of(path) is not None:
        raise InputError(
            f"--from {path}: is an export; expected the model.safetensors that it was exported from; give that"
        )
    header = read_header(path)
    with path.open("rb") as stream:
        return Start(path, hashlib.file_digest(stream, "sha256").hexdigest(), header)


def refuse_network_changes(start: Start, changes: Mapping[str, Any], flags: Mapping[str, str]) -> None:
    """Raise RecipeError at a change of the network, which the model decides. `flags` are the fields' own flags."""
    field = next((field for field in changes if field.partition(".")[0] == "model"), None)
    if field is not None:
        raise RecipeError(
            f"{flags.get(field, f'--set {field}')}: has no effect with --from {start.path}, whose network and "
            "normalization are kept; leave it out"
        )


def with_network(recipe: Recipe, start: Start, say: Say) -> Recipe:
    """The recipe with the model's own network; a note says which network of the recipe has no effect."""
    ours, model = recipe.model, start.header.model
    if ours not in (ModelSection(), model):
        say(
            f"the network is that of {start.path} ({start.header.title}); the model section of recipe {recipe.name} "
            "has no effect"
        )
    return recipe.model_copy(update={"model": model})
