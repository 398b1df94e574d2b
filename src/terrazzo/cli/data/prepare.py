"""`terrazzo prepare`: images and masks become patches."""

from pathlib import Path
from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import line, next_command, note, reporting, wrote

_SplitOption = Annotated[
    str | None,
    typer.Option(
        help="given, group, image, block or patch; if not given: given where the layout has splits, else group where "
        "there are three groups or more, else image; block of fewer than three rasters.",
        rich_help_panel=options.SPLIT,
    ),
]
_PatchSize = Annotated[
    int | None, typer.Option(help="Height and width of a patch in pixels; the recipe's if not given, else 256.")
]
_Fit = Annotated[
    str | None,
    typer.Option(
        help="crop: whole patches only; pad: fill up the last ones; resize: one patch an image; the recipe's if not "
        "given, else crop."
    ),
]
_Downsample = Annotated[
    float | None,
    typer.Option(help="Read images and masks at 1/this of their height and width; the recipe's if not given, else 1."),
]
_Recipe = Annotated[
    str | None,
    typer.Option(help="Cut and divide as this recipe says (a shipped name or a .yaml file); options win over it."),
]
_Val = Annotated[
    float | None,
    typer.Option(help="Share for validation; the recipe's if not given, else 0.2.", rich_help_panel=options.SPLIT),
]
_Test = Annotated[
    float | None,
    typer.Option(help="Share for testing; the recipe's if not given, else 0.", rich_help_panel=options.SPLIT),
]
_Seed = Annotated[
    int | None,
    typer.Option(help="Seed of the split; the recipe's if not given, else 0.", rich_help_panel=options.SPLIT),
]


_BlockSize = Annotated[
    int | None,
    typer.Option(
        help="--split block: patches along the side of a block; if not given 4, fewer where images are small.",
        rich_help_panel=options.SPLIT,
    ),
]
_Buffer = Annotated[
    int | None,
    typer.Option(
        help="--split block: pixels between training and the other sides; one patch if not given.",
        rich_help_panel=options.SPLIT,
    ),
]
_Bands = Annotated[
    str | None,
    typer.Option(
        help="Bands of the rasters by number or name, as in 3,2,1; all but alpha if not given.",
        rich_help_panel=options.LABELS,
    ),
]
_Scale = Annotated[
    str | None,
    typer.Option(
        help="LOW,HIGH: the stored values that become 0 and 255, where rasters have not 8 bits.",
        rich_help_panel=options.LABELS,
    ),
]


def prepare(
    data: Annotated[
        Path, typer.Argument(help="A folder or .zip with images and masks; or rasters (.tif), with LABELS.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the patches.")],
    labels: options.Labels = None,
    layout: options.Layout = None,
    classes: options.Classes = None,
    unpaired: options.Unpaired = "error",
    bad: options.Bad = "error",
    unknown: options.Unknown = "error",
    ignore_class: options.IgnoreClass = None,
    patch_size: _PatchSize = None,
    fit: _Fit = None,
    downsample: _Downsample = None,
    ignore_value: options.IgnoreValue = None,
    class_field: options.ClassField = None,
    layer: options.Layer = None,
    bands: _Bands = None,
    scale: _Scale = None,
    split: _SplitOption = None,
    val: _Val = None,
    test: _Test = None,
    seed: _Seed = None,
    block_size: _BlockSize = None,
    buffer: _Buffer = None,
    recipe: _Recipe = None,
    overwrite: options.Overwrite = False,
) -> int:
    """Check images and masks, cut them into patches, and divide these into train, val and test."""
    import terrazzo

    with reporting() as (progress, say):
        done = terrazzo.prepare(
            data,
            labels,
            out=out,
            layout=layout,
            classes=classes,
            unpaired=unpaired,
            bad=bad,
            unknown=unknown,
            ignore_class=ignore_class or (),
            patch_size=patch_size,
            fit=fit,
            downsample=downsample,
            ignore_value=ignore_value or (),
            class_field=class_field,
            layer=layer,
            bands=bands,
            scale=scale,
            split=split,
            val=val,
            test=test,
            seed=seed,
            block_size=block_size,
            buffer=buffer,
            recipe=recipe,
            overwrite=overwrite,
            progress=progress,
            say=say,
        )
    for text in done.lines:
        note(f"warning: {text}")
    for text in done.summary():
        line(text)
    wrote("a finished set of patches", [out], done.kept)
    next_command("terrazzo", "train", out, "--recipe", recipe or "best", "--out", "runs/first")
    return 0
