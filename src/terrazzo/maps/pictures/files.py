"""The files of photos' maps: their names, and the keys by which a finished file is known.

Every file carries a key, the hash of all that it was made from. Files are whole or absent, so one with the right key
is finished; any other file of that name is in the way.
"""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, PngImagePlugin

from terrazzo.classes.drawing import draw_legend
from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import ImageError
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.model.averaging.views import NONE
from terrazzo.model.opening import ModelFile
from terrazzo.pixels.keyed import KEY, TROUBLE, key_of
from terrazzo.system.files import digest, write_beside

LEGEND = "legend.png"

JPEG_MAX_SIDE = 65_500
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class MapFiles:
    """The files of one photo's map, and the key that they share."""

    stem: Path
    """Their common beginning: `out/north/a` for `north/a.jpg`."""
    key: str
    with_confidence: bool = False

    @property
    def classes(self) -> Path:
        """The class map."""
        return self._named("classes.png")

    @property
    def overlay(self) -> Path:
        """The photo under the colours of its classes."""
        return self._named("overlay.jpg")

    @property
    def confidence(self) -> Path:
        """The winning classes' shares; only written `with_confidence`."""
        return self._named("confidence.png")

    @property
    def wanted(self) -> tuple[Path, ...]:
        """The files to write."""
        return (self.classes, self.overlay, *[self.confidence] * self.with_confidence)

    def finished(self) -> bool:
        """Whether all exist, made from the same photo, model and options."""
        return all(path.is_file() and key_of(path) == self.key for path in self.wanted)

    def _named(self, ending: str) -> Path:
        return self.stem.with_name(f"{self.stem.name}_{ending}")


def map_key(model: ModelFile, picture: str, options: MapOptions) -> str:
    """The key of a photo's map, from the hashes of model and photo and the options that change the map.

    `tta`, `tta_scales`, `confidence` and another runtime than the file's own count only if given, so that maps made
    before them stay finished.
    """
    tiling = model.tiling
    named: dict[str, object] = {"window": tiling.window, "overlap": tiling.overlap, "precision": model.precision}
    if options.tta != NONE:
        named["tta"] = options.tta
    if options.tta_scales:
        named["tta_scales"] = list(options.tta_scales)
    if options.confidence:
        named["confidence"] = True
    if model.other_runtime is not None:
        named["runtime"] = model.other_runtime
    return digest("map", model.identity, picture, *(f"{name}={value}" for name, value in sorted(named.items())))


def legend_key(schema: ClassSchema) -> str:
    """The key of a legend: the classes' names and colours."""
    return digest("legend", schema.palette.tobytes(), *schema.names)


def count_pixels(classes: Path, n_classes: int) -> tuple[int, ...]:
    """Pixels of each class in a finished class map. Raises ImageError if it is damaged."""
    try:
        with PngImagePlugin.PngImageFile(classes) as image:  # Image.open would warn of large ones
            return tuple(image.histogram()[:n_classes])
    except TROUBLE as error:
        raise ImageError(f"{classes}: is damaged ({error}); remove it and run the command again") from error


def save_overlay(image: Image.Image, path: Path, key: str) -> bool:
    """Write the overlay as JPEG; whether it was shrunk to fit into one."""
    size = image.size
    image.thumbnail((JPEG_MAX_SIDE, JPEG_MAX_SIDE))
    with write_beside(path) as temporary:
        image.save(temporary, "JPEG", quality=_JPEG_QUALITY, comment=f"{KEY}={key}")
    return image.size != size


def save_legend(schema: ClassSchema, path: Path) -> None:
    """Write the picture of classes and colours, unless it exists."""
    key = legend_key(schema)
    if path.is_file() and key_of(path) == key:
        return
    text = PngImagePlugin.PngInfo()
    text.add_text(KEY, key)
    with write_beside(path) as temporary:
        draw_legend(schema).save(temporary, "PNG", pnginfo=text)
