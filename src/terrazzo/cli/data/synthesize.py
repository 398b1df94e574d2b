"""`terrazzo synthesize`: a synthetic world to try everything on, with no download."""

from pathlib import Path
from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import next_command, wrote


def synthesize(
    out: Annotated[Path, typer.Argument(help="Folder (or .zip) to write.")],
    layout: Annotated[
        str, typer.Option(help="flat, humans-in-the-loop, semantic-drone, cityscapes, cityscapes-pairs or camvid.")
    ] = "flat",
    images: Annotated[int, typer.Option(help="How many images.")] = 12,
    height: Annotated[int, typer.Option(help="Height of an image, about, in pixels.")] = 320,
    width: Annotated[int, typer.Option(help="Width of an image, about, in pixels.")] = 416,
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 0,
    as_zip: Annotated[bool, typer.Option("--zip", help="Write a .zip.")] = False,
    mask_mode: Annotated[str, typer.Option(help="Masks as color, palette or id images.")] = "color",
    overwrite: options.Overwrite = False,
) -> int:
    """Write a seeded synthetic world: aerial images with exact masks."""
    import terrazzo
    from terrazzo.patches.cutting import fitting_size

    made = terrazzo.synthesize(
        out,
        layout=layout,
        images=images,
        height=height,
        width=width,
        seed=seed,
        as_zip=as_zip,
        mask_mode=mask_mode,
        overwrite=overwrite,
    )
    wrote("a synthetic world", [made.path], made.kept)
    next_command("terrazzo", "prepare", made.path, "--patch-size", str(fitting_size(height, width)), "--out", "patches")
    return 0
