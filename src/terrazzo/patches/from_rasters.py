"""Rasters with labels as a source of patches, in memory bounded by one row of patches.

The labels are brought onto each image's grid. Image and labels are read by rows of patches and cut at once, so that
memory does not grow with the scene. Pixels that the image's own mask leaves out are ignored.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError, LabelError
from terrazzo.patches.copies import with_copies
from terrazzo.patches.cut_loss import CutLoss
from terrazzo.patches.options import PatchOptions
from terrazzo.patches.raster_cutting import DEEP_BYTES, EIGHT_BIT_BYTES, CutCount, cut_strip, margins, strips
from terrazzo.patches.splits.footprints import Footprints, footprints
from terrazzo.patches.write_patches import Cuttable, Preparation
from terrazzo.patches.writer import PatchSink, Source, Written, place_of
from terrazzo.pixels.bands.depth import EIGHT_BITS
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.reading import open_pixels
from terrazzo.pixels.rasters.stacks.resampled import native
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.labelled_rasters.inputs import SceneInputs, TrainedInput
from terrazzo.scenes.labelled_rasters.label_rasters import ROWS
from terrazzo.scenes.labelled_rasters.labelling import Labelling
from terrazzo.scenes.labelled_rasters.opening import LabelledScene, labels_on, open_labelling, open_scenes
from terrazzo.system.reporting import how_many, quiet


@dataclass(frozen=True)
class LabelledRasters:
    """Rasters and their labels.

    Fewer than three rasters, those that touch counted as one, are split by `block` unless another split is given.
    """

    inputs: SceneInputs

    @property
    def paths(self) -> tuple[Path, ...]:
        """The rasters and the labels."""
        return self.inputs.paths

    @contextmanager
    def opened(self, asked: Preparation) -> Iterator[Cuttable]:
        """The rasters with their labels. Raises InputError at options that are for pictures only."""
        refuse_options(asked.labels, asked.patches)
        scenes = open_scenes(self.inputs, asked.labels.unpaired, asked.reporter.say)
        labelling = open_labelling(scenes, self.inputs, asked.labels, asked.reporter.progress)
        names = [f"{scene.pair.name}{scene.pair.image.suffix}" for scene in scenes]
        buffer_px = asked.split.buffer_px(asked.patches.patch_size)
        lying = footprints([scene.raster for scene in scenes], names, buffer_px)
        split, notes = asked.split, (*labelling.notes, *lying.notes())
        if split.method is None and lying.n_joined < 3:
            split = replace(split, method="block")
            notes += (f"--split block: of {how_many(lying.n_joined, 'scene')}, parts for train, parts for val",)
        for note in notes:
            asked.reporter.say(note)
        cuttable = _Scenes(self.inputs, scenes, labelling, lying, asked)
        yield Cuttable(
            schema=labelling.schema,
            bands=len(scenes[0].choice.bands),
            split=split,
            cut=cuttable.cut,
            key=[*_key_of_inputs(self.inputs), *_key(asked, scenes, lying)],
            told={"layout": "rasters", **_told(scenes, self.inputs.trained)},
            labels_key=(labelling.identity,),
            notes=tuple(lying.notes()),
            dtype=scenes[0].choice.dtype,
            class_pixels=cuttable.class_pixels,
            gsd_m=_mean_gsd([native(scene.raster) for scene in scenes]),
        )


def refuse_options(labels: LabelOptions, patches: PatchOptions) -> None:
    """Raise InputError at options that rasters do not take."""
    if patches.fit == "resize":
        raise InputError("--fit resize: makes one patch of a whole scene; use crop or pad for rasters")
    if labels.downsample != 1:
        raise InputError(
            f"--downsample {labels.downsample:g}: is not for rasters; resample them, as `gdalwarp -tr` does"
        )
    if labels.layout is not None:
        raise InputError(f"--layout {labels.layout}: is for folders of pictures; leave it out with LABELS")


def _key_of_inputs(inputs: SceneInputs) -> list[str]:
    """What was asked of the reading; nothing where rasters are read as they lie, as in versions that knew no other."""
    trained = inputs.trained
    parts = [] if inputs.gsd_m is None else [repr(inputs.gsd_m)]
    return parts if trained is None else [*parts, repr((trained.band_names, trained.downsample))]


def _key(asked: Preparation, scenes: Sequence[LabelledScene], lying: Footprints) -> list[str]:
    """The ignored values, which rasters are neighbours, and the name, identity and bands of each."""
    parts = [repr(asked.labels.ignore_value)]
    # Only of rasters near one another: the keys of all others stay those of versions that did not look for neighbours.
    parts += [] if lying.alone else [repr((lying.joined.tolist(), lying.scene.tolist(), lying.shifts.tolist()))]
    for scene in scenes:
        parts += [scene.pair.name, scene.raster.identity, scene.choice.identity]
        parts += [] if scene.choice.dtype == EIGHT_BITS else [repr(scene.scale)]
    return parts


def _told(scenes: Sequence[LabelledScene], trained: TrainedInput | None) -> dict[str, Any]:
    """What dataset.json says of rasters: ground sampling distance, bands and scale; a model's names of its bands."""
    first = scenes[0]
    known, reduced = ((), 1.0) if trained is None else (trained.band_names, trained.downsample)
    scale = first.choice.scale if first.choice.dtype == EIGHT_BITS else first.scale
    gsd_m = _mean_gsd([scene.raster for scene in scenes])
    return {
        "downsample": reduced,
        "gsd_m": gsd_m if gsd_m is None or reduced == 1 else gsd_m / reduced,
        "band_numbers": list(first.choice.bands),
        "band_names": [*known] or [first.raster.names[band - 1] for band in first.choice.bands],
        "value_scale": list(scale) if isinstance(scale, tuple) else scale,
    }


def _mean_gsd(rasters: Sequence[Raster]) -> float | None:
    """The mean ground sampling distance in metres of the rasters that have one, to six digits."""
    known = [raster.gsd_m for raster in rasters if raster.gsd_m is not None]
    return float(f"{sum(known) / len(known):.6g}") if known else None


@dataclass(frozen=True, eq=False)
class _Scenes:
    """Opened rasters with their labels, and the request."""

    inputs: SceneInputs
    scenes: Sequence[LabelledScene]
    labelling: Labelling
    lying: Footprints
    asked: Preparation

    def cut(self, writer: PatchSink) -> Written:
        """Write the patches with a labelled pixel, scene by scene. Raises LabelError where there are none."""
        numbers: list[int] = []
        sources: list[Source] = []
        loss = CutLoss(self.asked.patches.patch_size, self.asked.patches.fit)
        for number, scene in enumerate(self.scenes):
            source = self._cut_scene(writer, len(sources), scene, loss)
            if source is not None:
                numbers.append(number)
                sources.append(replace(source, group=self.lying.group(number)))
        written = writer.finish(sources)
        if not len(written.image):
            self._refuse_nothing()
        rasters = np.array(numbers, np.int64)
        ground = None if self.lying.alone else self.lying.ground(written.image, written.corners, rasters)
        for note in loss.notes():
            self.asked.reporter.say(note)
        names, lost = self.labelling.schema.names, loss.lost(written.class_pixels)
        absent = [names[i] for i in np.flatnonzero(written.class_pixels.sum(axis=0) == 0) if i not in lost]
        lacking = f"classes without a pixel in any patch: {', '.join(absent)}"
        warnings = [lacking] if absent and self.inputs.trained is None else []
        if absent and not warnings:  # a few corrections need not hold every class of their model
            self.asked.reporter.say(lacking)
        warnings += loss.warnings(written.class_pixels, names)
        written = replace(written, ground=ground, places_known=not self.lying.unknown, warnings=tuple(warnings))
        return with_copies(written, {numbers.index(one) for one in self.lying.unknown if one in numbers})

    def class_pixels(self) -> list[int]:
        """The pixels of each class in the labels on the rasters' grids, window by window."""
        pixels = np.zeros(IGNORE + 1, np.int64)
        for number, scene in enumerate(self.scenes, start=1):
            raster = scene.raster
            with labels_on(self.labelling, scene, self.asked.labels.bad, quiet) as labels:
                if labels is None:
                    continue
                for row in range(0, raster.height, ROWS):
                    ids = labels.ids(row, 0, min(ROWS, raster.height - row), raster.width)
                    pixels += np.bincount(ids.ravel(), minlength=IGNORE + 1)
            self.asked.reporter.progress("counting labels", number, len(self.scenes))
        counted: list[int] = pixels[: self.labelling.schema.n_classes].tolist()
        return counted

    def _cut_scene(self, writer: PatchSink, number: int, scene: LabelledScene, loss: CutLoss) -> Source | None:
        """Write the patches of a scene as those of the image `number`; None where its labels are left out."""
        raster, name, say = scene.raster, scene.pair.name, self.asked.reporter.say
        size, fit, count = self.asked.patches.patch_size, self.asked.patches.fit, CutCount()
        with (
            labels_on(self.labelling, scene, self.asked.labels.bad, say) as labels,
            open_pixels(raster, scene.choice) as pixels,
        ):
            if labels is None:
                return None
            value_bytes = EIGHT_BIT_BYTES if scene.choice.dtype == EIGHT_BITS else DEEP_BYTES
            windows = strips(raster.height, raster.width, len(scene.choice.bands), size, fit, value_bytes)
            for done, window in enumerate(windows, start=1):
                writer.add(number, cut_strip(pixels, labels, window, size, fit, count))
                self.asked.reporter.progress(f"cutting {scene.pair.image.name}", done, len(windows))
            for note in (*count.notes(), *labels.notes()):
                say(f"{scene.pair.image.name}: {note}")
            loss.add(raster.height, raster.width)
            for window in margins(raster.height, raster.width, size) if fit == "crop" else ():
                with suppress(LabelError):  # what is wrong in pixels that are not used refuses nothing
                    loss.classes |= set(np.unique(labels.ids(*window)).tolist()) - {IGNORE}
        lies = native(raster)
        place = place_of(raster, (lies.height, lies.width))
        return Source(name, name, None, raster.height, raster.width, count.pixel_hash, place=place)

    def _refuse_nothing(self) -> None:
        """Raise LabelError: no patch came of the scenes."""
        images, size = self.inputs.images, self.asked.patches.patch_size
        if all(min(scene.raster.height, scene.raster.width) < size for scene in self.scenes):
            raise LabelError(self.inputs.too_small(size))
        raise LabelError(
            f"{self.inputs.labels}: gives no valid pixel of {images} a class, so there is nothing to learn; "
            "give labels of this place"
        )
