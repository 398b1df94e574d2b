"""`terrazzo recipes`: which recipes there are, and what one of them says."""

from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import emit_json, line, next_command, note


def recipes(
    name: Annotated[str | None, typer.Argument(help="One recipe: its YAML, each knob with its meaning.")] = None,
    as_json: options.Json = False,
) -> int:
    """List the shipped recipes with their published figures, or print one as YAML."""
    import terrazzo

    listed = terrazzo.recipes(name)
    if as_json:
        emit_json([each.to_dict() for each in listed])
    elif name is not None:
        line(listed[0].recipe.described().rstrip("\n"))
        # Not on stdout, so that what is there is a recipe file.
        note(f"next: terrazzo train DATA --recipe {name} --out runs/first")
    else:
        for each in listed:
            for text in each.lines():
                line(text)
        next_command("terrazzo", "recipes", "best")
    return 0
