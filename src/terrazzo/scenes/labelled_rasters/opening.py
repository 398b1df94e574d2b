"""Rasters and their labels opened."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from terrazzo.errors import InputError, LabelError
from terrazzo.pixels.bands.choice import choose_bands, pairs_of
from terrazzo.pixels.bands.depth import EIGHT_BITS, pixel_type
from terrazzo.pixels.bands.order import are_others, in_order, order_note
from terrazzo.pixels.bands.reading import AUTO, AskedScale, BandReading, Pairs
from terrazzo.pixels.bands.scaling import eight_bit_choice
from terrazzo.pixels.geodesy import ALIKE
from terrazzo.pixels.rasters.doubts import doubts, in_words
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.reading import Choice
from terrazzo.pixels.rasters.sampling import sample
from terrazzo.pixels.rasters.stacks.resampled import at_gsd
from terrazzo.pixels.rasters.stacks.stack import read_image, warp_notes
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.labelled_rasters.burning import polygon_labels
from terrazzo.scenes.labelled_rasters.inputs import SceneInputs, TrainedInput
from terrazzo.scenes.labelled_rasters.labelling import GridLabels, Labelling
from terrazzo.scenes.labelled_rasters.matching import LabelledRaster, pair_rasters
from terrazzo.scenes.labelled_rasters.raster_classes import raster_labels
from terrazzo.scenes.labelled_rasters.trained import as_trained, choice_as_trained, of_one_type
from terrazzo.system.reporting import Progress, Say, how_many, listed


@dataclass(frozen=True)
class LabelledScene:
    """A raster whose header was read, the bands to read, and the file of its labels."""

    pair: LabelledRaster
    raster: Raster
    choice: Choice
    scale: Pairs | Literal["auto"] | None = None
    """Low and high of the bands of a deep raster, by `--scale`; the values are read as stored."""

    @property
    def asked(self) -> Choice:
        """The choice with the scale of a deep raster, as the network will see its values."""
        return self.choice if self.scale in (None, AUTO) else replace(self.choice, scale=self.scale)


def open_scenes(inputs: SceneInputs, unpaired: str, say: Say) -> list[LabelledScene]:
    """The rasters with their labels and the bands to read. Raises InputError, LabelError."""
    pairs, n_lone = pair_rasters(inputs.images, inputs.labels, unpaired)
    if n_lone:
        say(f"left out: {how_many(n_lone, 'file')} without a partner (--unpaired skip)")
    if inputs.trained is not None:
        return _for_model(pairs, inputs, inputs.trained, say)
    scenes: list[LabelledScene] = []
    for pair in pairs:
        raster = read_image(pair.image, nodata=inputs.nodata)
        raster = raster if inputs.gsd_m is None else at_gsd(raster, inputs.gsd_m)
        for line in raster.notes:
            say(line)
        n_bands = len(inputs.bands) if inputs.bands else sum(color != "alpha" for color in raster.colors)
        chosen = choose_bands(raster, n_bands, inputs.bands)
        if scenes and inputs.bands is None and n_bands == len(scenes[0].choice.bands):
            chosen = _as_first(raster, chosen, scenes[0], say)
        scenes.append(LabelledScene(pair, raster, Choice(chosen)))
        if n_bands != len(scenes[0].choice.bands):
            raise InputError(
                f"{raster.path}: has {n_bands} bands, {scenes[0].raster.path} {len(scenes[0].choice.bands)}; "
                "choose bands that all rasters have, as in --bands 1,2,3"
            )
    dtype = pixel_type(scene.raster.dtype for scene in scenes)
    scenes = [_of_type(scene, dtype, inputs.scale) for scene in scenes]
    _say_types(scenes, dtype, say)
    for line in doubts_about(scenes):
        say(line)
    for note in warp_notes([scene.raster for scene in scenes]):
        say(note)
    first = scenes[0]
    if first.raster.palette is None and len(first.choice.bands) != 3:
        names = ", ".join(f"{band} {first.raster.names[band - 1]}" for band in first.choice.bands)
        say(f"bands: {names} (--bands chooses others)")
    known = [scene.raster.gsd_m for scene in scenes if scene.raster.gsd_m is not None]
    if known and max(known) > ALIKE * min(known):
        say(f"warning: the rasters have between {min(known):.3g} and {max(known):.3g} m a pixel")
    return scenes


def _for_model(
    pairs: Sequence[LabelledRaster], inputs: SceneInputs, trained: TrainedInput, say: Say
) -> list[LabelledScene]:
    """The rasters as the model reads them: nothing is left to choose."""
    rasters = [read_image(pair.image, nodata=inputs.nodata) for pair in pairs]
    for line in (line for raster in rasters for line in raster.notes):
        say(line)
    rasters = [as_trained(raster, trained, say) for raster in rasters]
    choices = [choice_as_trained(raster, trained, inputs.bands, inputs.scale, say) for raster in rasters]
    choices = of_one_type(choices, rasters)
    scale = None if choices[0].dtype == EIGHT_BITS or choices[0].scale else trained.scale
    scenes = [LabelledScene(pairs[i], raster, choices[i], scale) for i, raster in enumerate(rasters)]
    for line in (*doubts_about(scenes), *warp_notes(rasters)):
        say(line)
    return scenes


def doubts_about(scenes: Sequence[LabelledScene]) -> list[str]:
    """What is doubtful about the pixels of the rasters, a line a kind."""
    return in_words(doubts(scene.raster, scene.asked, sample(scene.raster, scene.choice.bands)) for scene in scenes)


def _as_first(raster: Raster, bands: tuple[int, ...], first: LabelledScene, say: Say) -> tuple[int, ...]:
    """The bands in the order of the first raster's, by what they show. Raises InputError where they show others."""
    names = BandReading(tuple(first.raster.names[band - 1] for band in first.choice.bands))
    chosen = in_order(raster, bands, names)
    if are_others([raster.names[band - 1] for band in chosen], names.names):
        raise InputError(
            f"{raster.path}: has the bands {', '.join(raster.names)}, {first.raster.path} {', '.join(names.names)}; "
            "choose bands that all rasters have by name, with --bands"
        )
    note = order_note(raster, chosen, names)
    if note is not None:
        say(note)
    return chosen


def _say_types(scenes: Sequence[LabelledScene], dtype: str, say: Say) -> None:
    """Say that deep values are kept, and warn where the rasters hold values of several types."""
    found = sorted({scene.raster.dtype for scene in scenes})
    if len(found) > 1:
        say(f"warning: the rasters hold {listed(found)} values, all kept as {dtype}; do they have the same units?")
    elif dtype != EIGHT_BITS:
        say(f"values: {found[0]} as stored; training normalizes each band (--scale sets what it spans)")


def _of_type(scene: LabelledScene, dtype: str, scale: AskedScale) -> LabelledScene:
    """The scene with its values read as the pixel type of all, and its scale. Raises InputError."""
    raster, bands = scene.raster, scene.choice.bands
    if dtype == EIGHT_BITS:
        if scale == AUTO:
            raise InputError(f"--scale {AUTO}: is for rasters of more than 8 bits; {raster.path} holds {raster.dtype}")
        return replace(scene, choice=eight_bit_choice(raster, bands, pairs_of(raster, bands, scale)))
    pairs: Pairs | Literal["auto"] | None = AUTO if scale == AUTO else pairs_of(raster, bands, scale)
    return replace(scene, choice=Choice(bands, dtype=dtype), scale=pairs)


def open_labelling(
    scenes: Sequence[LabelledScene], inputs: SceneInputs, labels: LabelOptions, progress: Progress
) -> Labelling:
    """The labels of the scenes with their classes. Raises InputError, LabelError, ClassTableError."""
    pairs = [scene.pair for scene in scenes]
    if pairs[0].is_layer:
        polygons = polygon_labels(inputs, labels)
        return polygons if inputs.trained is None else polygons.counted_on([scene.raster for scene in scenes])
    for flag, value in (("--class-field", inputs.class_field), ("--layer", inputs.layer)):
        if value is not None:
            raise InputError(f"{flag} {value}: is for polygons, {pairs[0].labels} is a raster; leave it out")
    return raster_labels(pairs, [scene.raster for scene in scenes], inputs, labels, progress)


@contextmanager
def labels_on(labelling: Labelling, scene: LabelledScene, bad: str, say: Say) -> Iterator[GridLabels | None]:
    """The labels on a scene's grid; None, with a report, if they do not overlap it and `bad` is skip."""
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
