"""`terrazzo tune`: which learning rate to train with."""

from pathlib import Path
from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import line, next_command, reporting, wrote


def tune(
    patches: Annotated[Path, typer.Argument(help="The folder that prepare wrote.")],
    out: Annotated[Path, typer.Option(help="Folder for the curve.")],
    recipe: Annotated[str, typer.Option(help="A shipped recipe, or a .yaml file.")] = "unet-resnet34",
    steps: Annotated[int, typer.Option(help="Training steps, each at a higher learning rate.")] = 100,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Any field of the recipe: --set train.batch_size=4.")
    ] = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
) -> int:
    """Find a learning rate: the loss over a few steps of growing rate, and the --set line to use."""
    import terrazzo
    from terrazzo.recipe.reading import parse_assignments

    changes = parse_assignments(assignments or ())
    with reporting() as (progress, say):
        found = terrazzo.tune(
            patches,
            out=out,
            recipe=recipe,
            steps=steps,
            changes=changes,
            device=device,
            overwrite=overwrite,
            progress=progress,
            say=say,
        )
    line(f"suggested learning rate: {found.lr:.2g}")
    wrote("a range test", [found.plot], found.kept)
    kept = [word for assignment in assignments or () for word in ("--set", assignment)]
    next_command(
        "terrazzo", "train", patches, "--recipe", recipe, *kept, "--set", found.assignment, "--out", "runs/tuned"
    )
    return 0
