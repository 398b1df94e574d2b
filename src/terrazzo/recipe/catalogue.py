"""The shipped recipes, each with what it is for and what was published of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terrazzo.recipe.reading import load_recipe, recipe_names
from terrazzo.recipe.recipe import Recipe
from terrazzo.system.reporting import wrapped

ANY_LAYOUT = "flat"
"""Where a program wants a layout of the recipes that are for any data: the plain one, `images/` beside `masks/`."""


@dataclass(frozen=True)
class Listed:
    """A recipe as a list shows it."""

    recipe: Recipe

    @property
    def layout(self) -> str:
        """The layout of the data that the recipe is for."""
        return self.recipe.data.layout or ANY_LAYOUT

    @property
    def published(self) -> dict[str, float]:
        """The published figures by name; empty where none were."""
        return {name: figure.value for name, figure in self.recipe.published.figures.items()}

    def to_dict(self) -> dict[str, Any]:
        """`name`, `about`, `layout` and `published`, as `terrazzo recipes --json` has them."""
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


def recipes(name: str | Path | None = None) -> tuple[Listed, ...]:
    """The shipped recipes in the order of their names; with `name`, that one or the one in a .yaml file alone.

    Raises RecipeError where there is no such recipe.
    """
    names = recipe_names() if name is None else (str(name),)
    return tuple(Listed(load_recipe(each)) for each in names)
