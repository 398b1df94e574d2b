"""`terrazzo show`: patches as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import next_command, reporting, wrote


def show(
    patches: Annotated[Path, typer.Argument(help="The folder that prepare wrote.")],
    split: Annotated[str | None, typer.Option(help="train, val or test; train if not given, val with --model.")] = None,
    n: Annotated[int, typer.Option("--n", help="How many patches.")] = 12,
    seed: Annotated[int, typer.Option(help="Another seed is another choice.")] = 0,
    model: Annotated[Path | None, typer.Option(help="Show the predictions of this model beside the masks.")] = None,
    out: Annotated[Path | None, typer.Option(help="The .png to write; PATCHES_preview.png if not given.")] = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    overwrite: options.Overwrite = False,
) -> int:
    """Draw patches beside their masks, every class among them, with a legend."""
    import terrazzo

    with reporting() as (progress, _):
        done = terrazzo.show(
            patches,
            split=split,
            n=n,
            seed=seed,
            model=model,
            out=out,
            device=device,
            precision=precision,
            overwrite=overwrite,
            progress=progress,
        )
    wrote("a picture", [done.path], done.kept)
    if model is None:
        next_command("terrazzo", "train", patches, "--recipe", "best", "--out", "runs/first")
    else:
        next_command("terrazzo", "evaluate", model, patches, "--out", model.parent / "report")
    return 0
