"""The files of a prediction: their names, and the keys that tell a finished one from something in the way.

Class map, overlay and legend each carry a key: the hash of all that they were made from. As every file is whole or
absent, a file with the right key is this command's own finished output; any other file of that name is in the way.
"""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, PngImagePlugin

from terrazzo.classes.drawing import draw_legend
from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import ImageError
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.pieces.turning import NONE
from terrazzo.model.opening import ModelFile
from terrazzo.pixels.keyed import KEY, TROUBLE, key_of
from terrazzo.system.files import digest, write_beside

LEGEND = "legend.png"

JPEG_MAX_SIDE = 65_500
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class MapFiles:
    """The files of one picture's map, and the key that all of them carry."""

    stem: Path
    """What their names begin with: `out/north/a` for `north/a.jpg`."""
    key: str
    with_confidence: bool = False

    @property
    def classes(self) -> Path:
        """The class map."""
        return self._named("classes.png")

    @property
    def overlay(self) -> Path:
        """The photo under its classes' colours."""
        return self._named("overlay.jpg")

    @property
    def confidence(self) -> Path:
        """The winners' shares; an earlier run's if this map has none."""
        return self._named("confidence.png")

    @property
    def wanted(self) -> tuple[Path, ...]:
        """The files that make up the map."""
        return (self.classes, self.overlay, *[self.confidence] * self.with_confidence)

    def finished(self) -> bool:
        """Whether all are there, made from the same picture, model and options."""
        return all(path.is_file() and key_of(path) == self.key for path in self.wanted)

    def _named(self, ending: str) -> Path:
        return self.stem.with_name(f"{self.stem.name}_{ending}")


def map_key(model: ModelFile, picture: str, options: MapOptions) -> str:
    """The key of a picture's map: the hashes of model and picture, and the options that change the map.

    `tta` and `confidence` count only if they are given: maps made before there were such options stay finished.
    """
    tiling = model.tiling
    named: dict[str, object] = {"window": tiling.window, "overlap": tiling.overlap, "precision": model.precision}
    if options.tta != NONE:
        named["tta"] = options.tta
    if options.confidence:
        named["confidence"] = True
    return digest("map", model.digest, picture, *(f"{name}={value}" for name, value in sorted(named.items())))


def legend_key(schema: ClassSchema) -> str:
    """The key of a legend: the classes' names and colours."""
    return digest("legend", schema.palette.tobytes(), *schema.names)


def count_pixels(classes: Path, n_classes: int) -> tuple[int, ...]:
    """Pixels of each class in a finished class map. Raises ImageError where it has been damaged since."""
    try:
        with PngImagePlugin.PngImageFile(classes) as image:  # Image.open would warn of large ones
            return tuple(image.histogram()[:n_classes])
    except TROUBLE as error:
        raise ImageError(f"{classes}: is damaged ({error}); remove it and run the command again") from error


def save_overlay(image: Image.Image, path: Path, key: str) -> bool:
    """Write the overlay as JPEG; whether it had to be shrunk to the size that a JPEG can hold."""
    size = image.size
    image.thumbnail((JPEG_MAX_SIDE, JPEG_MAX_SIDE))
    with write_beside(path) as temporary:
        image.save(temporary, "JPEG", quality=_JPEG_QUALITY, comment=f"{KEY}={key}")
    return image.size != size


def save_legend(schema: ClassSchema, path: Path) -> None:
    """Write the picture that tells which colour is which class; a finished one is left alone."""
    key = legend_key(schema)
    if path.is_file() and key_of(path) == key:
        return
    text = PngImagePlugin.PngInfo()
    text.add_text(KEY, key)
    with write_beside(path) as temporary:
        draw_legend(schema).save(temporary, "PNG", pnginfo=text)
