"""`terrazzo recipes`: which recipes there are, and what one of them says."""

from collections.abc import Sequence

from terrazzo.cli.options import AsJson
from terrazzo.cli.output import emit_json, line, next_command, note
from terrazzo.recipe.catalogue import Listed


def tell(found: Sequence[Listed], *, name: str | None, as_json: AsJson = False) -> None:
    """Print the list, or the recipe as YAML."""
    if as_json:
        emit_json([each.to_dict() for each in found])
    elif name is not None:
        line(found[0].recipe.described().rstrip("\n"))
        # Not on stdout, so that what is there is a recipe file.
        note(f"next: terrazzo train DATA --recipe {name} --out runs/first")
    else:
        for each in found:
            for text in each.lines():
                line(text)
        next_command("terrazzo", "recipes", "best")
