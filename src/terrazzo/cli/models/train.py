"""`terrazzo train`: patches become a model."""

from pathlib import Path
from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import line, next_command, note, reporting, wrote


def train(
    patches: Annotated[
        Path, typer.Argument(help="The folder that prepare wrote, or a data set (folder, .zip) to prepare first.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the run.")],
    recipe: Annotated[str, typer.Option(help="A shipped recipe, or a .yaml file.")] = "unet-resnet34",
    epochs: Annotated[int | None, typer.Option(help="Passes over the training patches.")] = None,
    batch_size: Annotated[str | None, typer.Option(help="Patches a step; auto: what the memory holds.")] = None,
    encoder_weights: Annotated[str | None, typer.Option(help="imagenet, none, auto, or a weights file.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Any field of the recipe: --set optimizer.lr=3e-4.")
    ] = None,
    device: options.Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    overwrite: options.Overwrite = False,
) -> int:
    """Train a recipe on patches; the best epoch becomes model.safetensors."""
    import terrazzo
    from terrazzo.recipe.reading import parse_assignments
    from terrazzo.training.train import patches_of

    changes = parse_assignments(assignments or ())
    with reporting() as (progress, say):
        done = terrazzo.train(
            patches,
            out=out,
            recipe=recipe,
            epochs=epochs,
            batch_size=batch_size,
            encoder_weights=encoder_weights,
            changes=changes,
            device=device,
            resume=resume,
            overwrite=overwrite,
            progress=progress,
            say=say,
        )
    for text in done.summary():
        line(text)
    wrote("a finished run", [done.model], done.kept)
    if done.interrupted:
        note("stopped by Ctrl-C: the model is the best so far; the same command with --resume goes on")
    scored = patches_of(patches, out)
    next_command("terrazzo", "evaluate", done.model, scored, "--split", "val", "--out", out / "report")
    return 130 if done.interrupted else 0
