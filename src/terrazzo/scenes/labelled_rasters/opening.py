"""Rasters with their labels opened, each scene with its classes."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from terrazzo.errors import InputError, LabelError
from terrazzo.pixels.band_choice import choose
from terrazzo.pixels.geodesy import ALIKE
from terrazzo.pixels.rasters import Choice, Raster, read_raster
from terrazzo.pixels.suffixes import RASTER_SUFFIXES, VIRTUAL
from terrazzo.scenes.contract.known_classes import given_classes
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.labelled_rasters.burning import polygon_labels
from terrazzo.scenes.labelled_rasters.labelling import GridLabels, Labelling, LabelRules
from terrazzo.scenes.labelled_rasters.matching import LabelledRaster, pair_rasters
from terrazzo.scenes.labelled_rasters.raster_classes import raster_labels
from terrazzo.system.reporting import Progress, Say, how_many


@dataclass(frozen=True)
class SceneInputs:
    """Rasters, their labels, and how both are read."""

    images: Path
    labels: Path
    class_field: str | None = None
    layer: str | None = None
    bands: tuple[str, ...] | None = None
    """Numbers from 1 or names; None: all that are not alpha."""
    scale: tuple[float, float] | None = None
    """The stored values that become 0 and 255."""


@dataclass(frozen=True)
class LabelledScene:
    """A raster with its labels, opened as far as its header."""

    pair: LabelledRaster
    raster: Raster
    choice: Choice


def open_scenes(inputs: SceneInputs, unpaired: str, say: Say) -> list[LabelledScene]:
    """The rasters with their labels and the bands that are read of them. Raises InputError, LabelError."""
    pairs, n_lone = pair_rasters(inputs.images, inputs.labels, unpaired)
    if n_lone:
        say(f"left out: {how_many(n_lone, 'file')} without a partner (--unpaired skip)")
    scenes: list[LabelledScene] = []
    for pair in pairs:
        raster = read_raster(pair.image)
        n_bands = len(inputs.bands) if inputs.bands else sum(color != "alpha" for color in raster.colors)
        scenes.append(LabelledScene(pair, raster, choose(raster, n_bands, inputs.bands, inputs.scale)))
        if n_bands != len(scenes[0].choice.bands):
            raise InputError(
                f"{raster.path}: has {n_bands} bands, {scenes[0].raster.path} {len(scenes[0].choice.bands)}; "
                "choose bands that all have, as in --bands 1,2,3"
            )
    first = scenes[0]
    if first.raster.palette is None and len(first.choice.bands) != 3:
        names = ", ".join(f"{band} {first.raster.names[band - 1]}" for band in first.choice.bands)
        say(f"bands: {names} (--bands chooses others)")
    known = [scene.raster.gsd_m for scene in scenes if scene.raster.gsd_m is not None]
    if known and max(known) > ALIKE * min(known):
        say(f"warning: the rasters have between {min(known):.3g} and {max(known):.3g} m a pixel")
    return scenes


def open_labelling(
    scenes: Sequence[LabelledScene], inputs: SceneInputs, labels: LabelOptions, progress: Progress
) -> Labelling:
    """The labels of the scenes with their classes. Raises InputError, LabelError, ClassTableError."""
    data = shlex.join(map(str, (inputs.images, inputs.labels)))
    rules = LabelRules(inputs.class_field, inputs.layer, labels.unknown, labels.ignore_class, labels.ignore_value, data)
    given = given_classes(labels.classes) if labels.classes else None
    pairs = [scene.pair for scene in scenes]
    if pairs[0].is_layer:
        return polygon_labels(pairs[0], rules, given)
    for flag, value in (("--class-field", inputs.class_field), ("--layer", inputs.layer)):
        if value is not None:
            raise InputError(f"{flag} {value}: is for polygons, {pairs[0].labels} is a raster; leave it out")
    return raster_labels(pairs, [scene.raster for scene in scenes], rules, given, progress)


@contextmanager
def labels_on(labelling: Labelling, scene: LabelledScene, bad: str, say: Say) -> Iterator[GridLabels | None]:
    """The labels on a scene's grid; None, said, where they do not overlap it and `bad` is skip."""
    with ExitStack() as opened:
        try:
            grid = opened.enter_context(labelling.on_grid(scene.pair, scene.raster, say))
        except LabelError as error:
            if bad != "skip":
                raise
            say(f"left out: {error} (--bad skip)")
            yield None
            return
        yield grid


def scene_inputs(
    data: Path,
    labels: Path | None,
    class_field: str | None,
    layer: str | None,
    bands: str | Sequence[str | int] | None,
    scale: str | Sequence[float] | None,
) -> "SceneInputs | None":
    """The rasters and labels that prepare is given; None without labels, where `data` is a data set of pictures.

    Raises InputError where one is given without the other.
    """
    if labels is not None:
        from terrazzo.pixels.bands import parse_bands, parse_scale

        parsed = None if bands is None else parse_bands(bands)
        return SceneInputs(
            data, labels, class_field, layer, parsed, scale=None if scale is None else parse_scale(scale)
        )
    for flag, value in (("--class-field", class_field), ("--layer", layer), ("--bands", bands), ("--scale", scale)):
        if value is not None:
            raise InputError(f"{flag} {value}: is for rasters with labels; give these too, as in {data} labels.gpkg")
    if data.is_file() and data.suffix.lower() in (*RASTER_SUFFIXES, VIRTUAL):
        raise InputError(
            f"{data}: is a raster without labels; give them too, as in {data} labels.gpkg --class-field class"
        )
    return None
