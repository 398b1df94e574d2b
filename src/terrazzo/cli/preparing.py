"""`terrazzo prepare`: images and masks become patches."""

from pathlib import Path
from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import line, next_command, note, reporting, wrote

_SplitOption = Annotated[
    str | None,
    typer.Option(
        help="given, group, image or patch; if not given: given where the layout has splits, else group where there "
        "are three groups or more, else image.",
        rich_help_panel=options.SPLIT,
    ),
]


def prepare(
    data: Annotated[Path, typer.Argument(help="A folder or .zip with images and masks.")],
    out: Annotated[Path, typer.Option(help="Folder for the patches.")],
    layout: options.Layout = None,
    classes: options.Classes = None,
    unpaired: options.Unpaired = "error",
    bad: options.Bad = "error",
    unknown: options.Unknown = "error",
    ignore_class: options.IgnoreClass = None,
    patch_size: options.PatchSize = 256,
    fit: options.Fit = "crop",
    split: _SplitOption = None,
    val: Annotated[float, typer.Option(help="Share for validation.", rich_help_panel=options.SPLIT)] = 0.2,
    test: Annotated[float, typer.Option(help="Share for testing.", rich_help_panel=options.SPLIT)] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the split.", rich_help_panel=options.SPLIT)] = 0,
    overwrite: options.Overwrite = False,
) -> int:
    """Check images and masks, cut them into patches, and divide these into train, val and test."""
    import terrazzo

    with reporting() as (progress, say):
        done = terrazzo.prepare(
            data,
            out=out,
            layout=layout,
            classes=classes,
            unpaired=unpaired,
            bad=bad,
            unknown=unknown,
            ignore_class=ignore_class or (),
            patch_size=patch_size,
            fit=fit,
            split=split,
            val=val,
            test=test,
            seed=seed,
            overwrite=overwrite,
            progress=progress,
            say=say,
        )
    for text in done.lines:
        note(f"warning: {text}")
    for text in done.summary():
        line(text)
    wrote("a finished set of patches", [out], done.kept)
    next_command("terrazzo", "train", out, "--recipe", "unet-resnet34", "--out", "runs/first")
    return 0
