"""The shipped recipes, with their purpose and published figures."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from terrazzo.system.options import Option
from terrazzo.system.reporting import wrapped

if TYPE_CHECKING:
    from terrazzo.recipe.recipe import Recipe

ANY_LAYOUT = "flat"
"""The layout that stands for "any" where a program needs one: `images/` beside `masks/`."""


@dataclass(frozen=True)
class Listed:
    """A recipe as a list shows it."""

    recipe: "Recipe"

    @property
    def layout(self) -> str:
        """The layout of data that the recipe is for."""
        return self.recipe.data.layout or ANY_LAYOUT

    @property
    def published(self) -> dict[str, float]:
        """The published figures by name; empty if there are none."""
        return {name: figure.value for name, figure in self.recipe.published.figures.items()}

    def to_dict(self) -> dict[str, Any]:
        """`name`, `about`, `layout` and `published`, as in `terrazzo recipes --json`."""
        recipe = self.recipe
        return {"name": recipe.name, "about": recipe.about, "layout": self.layout, "published": self.published}

    def lines(self) -> list[str]:
        """As text of at most 100 columns: name and purpose, then the layout (`any` for any data) and the figures."""
        figures = ", ".join(f"{name}\N{NO-BREAK SPACE}{value:g}" for name, value in self.published.items())
        layout = self.recipe.data.layout or "any"
        below = wrapped(f"{layout}; published: {figures or 'none'}", "    ", "    ")
        return [
            *wrapped(f"{self.recipe.name}: {self.recipe.about}", further="    "),
            *(line.replace("\N{NO-BREAK SPACE}", " ") for line in below),
        ]


def recipes(
    name: Annotated[str | Path | None, Option("One recipe: its YAML, each knob with its meaning.")] = None,
) -> tuple[Listed, ...]:
    """List the shipped recipes with their published figures, or show one of them or of a .yaml file.

    Raises RecipeError if there is no such recipe.
    """
    from terrazzo.recipe.reading import load_recipe, recipe_names

    names = recipe_names() if name is None else (str(name),)
    return tuple(Listed(load_recipe(each, flag="")) for each in names)
