"""The parameters about recipes that several functions share, each declared once."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from terrazzo.system.options import Option

DEFAULT_RECIPE = "unet-resnet34"
START_RECIPE = "finetune"
"""The recipe of `train --from` where none is given."""
RecipeName = Annotated[str, Option("A shipped recipe, or a .yaml file.")]
Changes = Annotated[
    Mapping[str, Any] | Sequence[str] | None,
    Option("Any field of the recipe: --set optimizer.lr=3e-4; repeatable.", flags=("--set",), many=True),
]
