"""The parameters of data sets and labels that `prepare` and `inspect` share, each declared once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from terrazzo.classes import PALETTE_NAMES
from terrazzo.scenes.layouts import LAYOUT_NAMES
from terrazzo.system.options import DATA, RASTERS, Option

Layout = Annotated[
    str | None,
    Option(f"{', '.join(LAYOUT_NAMES)}; detected if not given.", DATA),
]
ClassTableFile = Annotated[
    str | Path | None,
    Option("Table of classes: id,name for masks of ids, name,color for masks of colours; CSV, JSON, YAML, ...", DATA),
]
Palette = Annotated[
    str | None,
    Option(f"Read the masks' colours by a known palette: {', '.join(PALETTE_NAMES)}.", DATA),
]
ImageSuffix = Annotated[
    str | None, Option("What the names of images end with, or a pattern: _sat.jpg, IMG_*.tif, rgb/*.png.", DATA)
]
MaskSuffix = Annotated[
    str | None, Option("What the names of masks end with, or a pattern; * is what image and mask share.", DATA)
]
Unpaired = Annotated[str, Option("Images without mask, masks without image: error or skip.", DATA)]
Bad = Annotated[str, Option("Unreadable or mismatched files: error or skip.", DATA)]
Unknown = Annotated[str, Option("Mask colours (or ids) in no class: error, ignore, or nearest (colours, greys).", DATA)]
IgnoreClass = Annotated[
    Sequence[str], Option("A class whose pixels are ignored; may be given several times.", DATA, many=True)
]
IgnoreValue = Annotated[
    Sequence[int],
    Option("A value of id masks that is no class (255 always is none); may be given several times.", DATA, many=True),
]
Labels = Annotated[
    str | Path | None,
    Option("The masks of a folder of pictures; labels of rasters: polygons (.gpkg, .shp, ...), or label rasters."),
]
Background = Annotated[
    str | None,
    Option("Labels that are polygons: the class of pixels outside every one; ignored if not given.", DATA),
]
ClassField = Annotated[str | None, Option("The field of the polygons that holds the class.", RASTERS)]
Layer = Annotated[str | None, Option("The layer of polygons, where there are several.", RASTERS)]
PatchSize = Annotated[int | None, Option("Height and width of a patch in pixels; the recipe's if not given, else 256.")]
Fit = Annotated[
    str | None,
    Option(
        "crop: whole patches only; pad: fill up the last ones; resize: one patch an image. The recipe's if not "
        "given, else crop."
    ),
]
Downsample = Annotated[
    float | None,
    Option("Read images and masks at 1/this of their height and width; the recipe's if not given, else 1."),
]
