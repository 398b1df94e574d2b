"""Where labels would help a model most: the public function."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from terrazzo.errors import InputError, OutputExistsError
from terrazzo.improving.suggesting.suggestion import Suggestion
from terrazzo.pixels.bands.reading import Bands, Nodata, Scale, parse_bands, parse_scale
from terrazzo.system.files import refuse_existing
from terrazzo.system.options import RASTERS, Device, Option, Overwrite, Precision
from terrazzo.system.reporting import Progress, Reporter, Say, quiet, silent

if TYPE_CHECKING:
    from terrazzo.maps.inputs import PictureFile, RasterFile

SUFFIX = ".gpkg"
MOST_BOXES, SIDES = 1000, (16, 4096)
MOST_PIXELS = 1 << 28
"""The pixels of all boxes together, which are held in memory."""


def suggest(
    model: Annotated[str | Path, Option("A model.safetensors, or an .onnx or .h5 that export wrote.")],
    scenes: Annotated[
        str | Path | Sequence[str | Path],
        Option("Rasters, or photos, of the place; folders of them, and patterns.", many=True, remote=True),
    ],
    *,
    out: Annotated[str | Path, Option("The .gpkg to write; for photos a folder.")],
    boxes: Annotated[int, Option(f"How many boxes, 1 to {MOST_BOXES}.")] = 20,
    box_size: Annotated[int, Option(f"Side of the boxes in pixels, {SIDES[0]} to {SIDES[1]}.")] = 128,
    device: Device = "auto",
    precision: Precision = "auto",
    bands: Bands = None,
    scale: Scale = None,
    nodata: Nodata = None,
    resample: Annotated[bool, Option("Read at the resolution of the model's training.", RASTERS)] = False,
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Suggestion:
    """Suggest boxes of scenes to label, where labels would help a model most.

    Boxes are squares that never overlap, on a grid from the upper left corner of each scene. A box is the better, the
    less sure the model is of its classes, the less its surroundings are like the training data, the rarer its classes
    are, and the farther it is from better boxes, in looks and on the ground. `ranking` has the rule. The same inputs
    give the same boxes. If fewer boxes than asked for have a valid pixel, a note says how many.

    Rasters give a GeoPackage in their CRS. Its layer `boxes` has the fields `rank` (1 is the best), `reason`,
    `uncertainty` (0 to 1), `novelty` (the feature distance, null without a measure) and `checked`, which is false.
    Its layer `polygons` has the model's own map inside the boxes, to be corrected: `class`, and `confidence` in
    percent. Several rasters must share a CRS; both layers then name the `scene`.

    Photos give a folder: `images/` with crops, `masks/` with their predicted classes as palette PNGs, `classes.json`,
    and `boxes.csv` with the same fields.

    Raises InputError (arguments, no box that fits), ImageError, ModelFileError, OutputExistsError.
    """
    if not 1 <= boxes <= MOST_BOXES:
        raise InputError(f"--boxes {boxes}: expected 1 to {MOST_BOXES}")
    if not SIDES[0] <= box_size <= SIDES[1]:
        raise InputError(f"--box-size {box_size}: expected {SIDES[0]} to {SIDES[1]} pixels")
    if boxes * box_size**2 > MOST_PIXELS:
        raise InputError(
            f"--boxes {boxes}: of {box_size} px are more than {MOST_PIXELS >> 20} megapixels together; "
            f"give {MOST_PIXELS // box_size**2} or fewer, or a smaller --box-size"
        )
    reading = {"bands": parse_bands(bands), "scale": parse_scale(scale), "nodata": nodata, "resample": resample}
    source, target = Path(model), Path(out)
    from terrazzo.maps.models import check_models, model_file, models_among
    from terrazzo.model.windows.tiling import plan

    models_among(source, scenes)  # the model behind a scene is refused
    check_models([source], device, precision)
    file = model_file([source], partial(plan), device, precision, say)
    rasters, photos = _files([scenes] if isinstance(scenes, str | Path) else scenes, target, say)
    given = [f"--{name}" for name, value in reading.items() if value is not None and value is not False]
    if photos and given:
        raise InputError(f"{given[0]}: is for rasters; {photos[0].name} is a picture; leave it out")
    _check_out(target, bool(photos), overwrite)
    from terrazzo.improving.suggesting.run import Job, run

    return run(Job(file, rasters, photos, target, boxes, box_size, reading, Reporter(progress, say)))


def _files(
    scenes: Sequence[str | Path], out: Path, say: Say
) -> tuple[tuple["RasterFile", ...], tuple["PictureFile", ...]]:
    """The rasters or the photos that the words name, each once. Raises InputError if there are both, or neither."""
    from terrazzo.maps.inputs import find_pictures

    if not scenes:
        raise InputError("no scene given; name at least one image file or folder")
    rasters: dict[str, RasterFile] = {}
    photos: dict[str, PictureFile] = {}
    for word in scenes:
        found = find_pictures([word], out, say)
        rasters |= {str(file.path): file for file in found.rasters}
        photos |= {str(file.path): file for file in found.pictures}
    if rasters and photos:
        raster, photo = next(iter(rasters)), next(iter(photos))
        raise InputError(
            f"{raster} is a raster and {photo} a picture; suggest boxes of rasters and of pictures one after the other"
        )
    return tuple(rasters.values()), tuple(photos.values())


def _check_out(out: Path, photos: bool, overwrite: bool) -> None:
    """Raise InputError or OutputExistsError unless boxes can be written at `out`."""
    from terrazzo.improving.suggesting.photo_folder import MARK

    is_file = out.suffix.lower() == SUFFIX
    if photos and is_file:
        raise InputError(f"--out {out}: boxes of pictures are crops in a folder; choose a name without {SUFFIX}")
    if not photos and not is_file:
        raise InputError(f"--out {out}: boxes of rasters are a GeoPackage; choose a name that ends in {SUFFIX}")
    if not photos and out.is_dir():
        raise OutputExistsError(f"{out}: is a folder; --out takes the name of a file")
    if not overwrite and (out.is_file() or (out.is_dir() and any(out.iterdir()))):
        raise OutputExistsError(
            f"{out}: already exists, and may hold corrections; choose another --out, or replace it with --overwrite"
        )
    if photos:
        refuse_existing(out, "what suggest writes", overwrite, MARK)
