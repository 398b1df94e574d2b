"""Options that several commands share, each declared once."""

from pathlib import Path
from typing import Annotated

import typer

DATA = "Data"
SPLIT = "Split"
LABELS = "Rasters with labels"

Layout = Annotated[
    str | None,
    typer.Option(
        help="flat, humans-in-the-loop, semantic-drone, cityscapes, cityscapes-pairs or camvid; found by looking "
        "if not given.",
        rich_help_panel=DATA,
    ),
]
Classes = Annotated[
    Path | None, typer.Option(help="Table of classes and colours, CSV or JSON (name, color).", rich_help_panel=DATA)
]
Unpaired = Annotated[
    str, typer.Option(help="Images without mask, masks without image: error or skip.", rich_help_panel=DATA)
]
Bad = Annotated[str, typer.Option(help="Unreadable or mismatched files: error or skip.", rich_help_panel=DATA)]
Unknown = Annotated[
    str, typer.Option(help="Mask colours (or ids) in no class: error, ignore or nearest.", rich_help_panel=DATA)
]
IgnoreClass = Annotated[
    list[str] | None,
    typer.Option(help="A class whose pixels are ignored; may be given several times.", rich_help_panel=DATA),
]
IgnoreValue = Annotated[
    list[int] | None,
    typer.Option(
        help="A value of masks of ids that means no class (255 always does); may be given several times.",
        rich_help_panel=DATA,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Argument(help="Labels of rasters: polygons (.gpkg, .geojson, .shp, .parquet), or label rasters."),
]
ClassField = Annotated[
    str | None, typer.Option(help="The field of the polygons that holds the class.", rich_help_panel=LABELS)
]
Layer = Annotated[
    str | None, typer.Option(help="The layer of polygons, where there are several.", rich_help_panel=LABELS)
]
PatchSize = Annotated[int, typer.Option(help="Height and width of a patch in pixels.")]
Fit = Annotated[
    str, typer.Option(help="crop: whole patches only; pad: fill up the last ones; resize: one patch an image.")
]
Downsample = Annotated[
    float, typer.Option(help="Read images and masks at 1/this of their height and width, before patches are cut.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is in the way.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Precision = Annotated[str, typer.Option(help="auto, 32 or bf16; auto takes bf16 where the hardware has it.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output alone on stdout.")]
