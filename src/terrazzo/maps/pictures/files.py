"""The files of a prediction: their names, and the keys that tell a finished one from something in the way.

Class map, overlay and legend each carry a key: the hash of all that they were made from. As every file is whole or
absent, a file with the right key is this command's own finished output; any other file of that name is in the way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image, PngImagePlugin

from terrazzo.classes.drawing import draw_legend
from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import ImageError
from terrazzo.pixels.keyed import KEY, TROUBLE, key_of
from terrazzo.system.files import digest, write_beside

LEGEND = "legend.png"

JPEG_MAX_SIDE = 65_500
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class MapFiles:
    """The two files of one picture, and the key that both carry."""

    classes: Path
    overlay: Path
    key: str

    @classmethod
    def below(cls, out: Path, name: PurePosixPath, key: str) -> "MapFiles":
        """`out/north/a_classes.png` and `out/north/a_overlay.jpg` for `north/a.jpg`."""
        folder = out / name.parent
        return cls(folder / f"{name.stem}_classes.png", folder / f"{name.stem}_overlay.jpg", key)

    def finished(self) -> bool:
        """Whether both files are there, made from the same picture, model and options."""
        return all(path.is_file() and key_of(path) == self.key for path in (self.classes, self.overlay))


def map_key(model: str, picture: str, options: Mapping[str, object]) -> str:
    """The key of a class map and its overlay: the hashes of model and picture, and the options that change the map."""
    return digest("map", model, picture, *(f"{name}={value}" for name, value in sorted(options.items())))


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
