"""A synthetic world as a data set on disk: the function `terrazzo.synthesize`."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from terrazzo.system.options import Option, Overwrite
from terrazzo.system.places import PathLike


@dataclass(frozen=True)
class Synthesized:
    """The path of a synthetic world, and whether it was there already."""

    path: Path
    kept: bool
    layout: str = "flat"


def synthesize(
    out: Annotated[PathLike, Option("Folder (or .zip) to write.")],
    *,
    layout: Annotated[str, Option("One of those of `prepare --help`; or geotiff: photo, infrared, heights.")] = "flat",
    images: Annotated[int, Option("How many images.")] = 12,
    height: Annotated[int, Option("Minimum height of an image in pixels.")] = 320,
    width: Annotated[int, Option("Minimum width of an image in pixels.")] = 416,
    seed: Annotated[int, Option("Another seed is another world.")] = 0,
    style: Annotated[str, Option("The look: temperate or desert; the masks are the same.")] = "temperate",
    as_zip: Annotated[bool, Option("Write a .zip.", flags=("--zip",))] = False,
    mask_mode: Annotated[str, Option("Masks as color, palette or id images.")] = "color",
    overwrite: Overwrite = False,
) -> Synthesized:
    """Write a seeded synthetic world: aerial images with exact masks, in a layout that `prepare` reads.

    The layout geotiff has scenes of 0.5 m a pixel in UTM: ortho/ (red, green, blue), nir/, dsm/ (metres) and labels/.
    Images are at least `height` x `width` px. Equal options make equal bytes, so an equal world at `out` is kept.
    Anything else there raises OutputExistsError, unless `overwrite`. Masks of ids come with their table, classes.json.
    A `style` changes colours and light alone: worlds of one seed have the same plan, masks and heights in every style.
    """
    from terrazzo.scenes.synthetic import world_mark, write_world
    from terrazzo.system.files import refuse_existing, same_content

    options = {"layout": layout, "n_images": images, "size": (height, width), "seed": seed}
    options |= {"style": style, "mask_mode": mask_mode}

    def write(place: Path) -> Path:
        return write_world(place, as_zip=as_zip, class_table=mask_mode == "id", **options)

    path = Path(out)
    if path.exists() and not overwrite:
        with tempfile.TemporaryDirectory() as folder:
            if same_content(write(Path(folder) / path.name), path):
                return Synthesized(path, True, layout)
    refuse_existing(path, "a synthetic world", overwrite, None if as_zip else world_mark(path), "OUT")
    return Synthesized(write(path), False, layout)
