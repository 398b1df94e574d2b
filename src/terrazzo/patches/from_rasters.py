"""From rasters with labels to a finished folder of patches, in memory bounded by one row of patches.

The labels are brought onto each image's grid; image and labels are read by rows of patches and cut at once, so that a
scene of any size is cut in the memory of a strip. Pixels that the image's own mask leaves out are ignored.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from terrazzo.errors import InputError, LabelError
from terrazzo.patches.cutting import check_patching
from terrazzo.patches.folder import FORMAT, MARK, open_patches
from terrazzo.patches.prepared import Prepared, refuse_place
from terrazzo.patches.raster_cutting import Tally, cut_strip
from terrazzo.patches.splits.footprints import Footprints, footprints
from terrazzo.patches.splits.origins import Ground
from terrazzo.patches.splits.split import SplitOptions, make_split
from terrazzo.patches.writer import Making, PatchWriter, Source, Written, finished, open_writer, write_tables
from terrazzo.pixels.rasters import open_pixels
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.labelled_rasters.labelling import Labelling
from terrazzo.scenes.labelled_rasters.opening import LabelledScene, SceneInputs, labels_on, open_labelling, open_scenes
from terrazzo.scenes.labelled_rasters.strips import strips
from terrazzo.system.files import digest, refuse_existing, write_folder_beside
from terrazzo.system.reporting import Progress, Say, how_many


def prepare_scenes(
    inputs: SceneInputs,
    out: Path,
    labels: LabelOptions,
    split: SplitOptions,
    overwrite: bool,
    progress: Progress,
    say: Say,
) -> Prepared:
    """Write the patches of labelled rasters to the folder `out`.

    Of `labels` the options on classes, unpaired files and patches hold. Fewer than three rasters, those that touch
    counted as one, are split by `block` unless another split is asked for. Raises what `geodata` raises, LabelError
    where no pixel has a label, SplitError, OutputExistsError; an interrupted run leaves nothing at `out`.
    """
    _check_options(labels)
    refuse_place(out, [inputs.images, inputs.labels])
    scenes = open_scenes(inputs, labels.unpaired, say)
    labelling = open_labelling(scenes, inputs, labels, progress)
    lying = _footprints(scenes, labels.patch_size, split)
    for note in (*labelling.notes, *lying.notes()):
        say(note)
    if split.method is None and lying.n_joined < 3:
        split = replace(split, method="block")
        say(f"--split block: of {how_many(lying.n_joined, 'scene')}, parts of it make train and validation")
    key = _key(scenes, labelling, labels, split, lying)
    if not overwrite and (kept := finished(out, key)) is not None:
        return Prepared(kept, True, ())
    refuse_existing(out, "a finished set of patches", overwrite, MARK)
    bands, schema = len(scenes[0].choice.bands), labelling.schema
    with write_folder_beside(out) as folder:
        with open_writer(folder, labels.patch_size, bands, schema.n_classes) as writer:
            sources = _cut_scenes(writer, scenes, labelling, labels, progress, say)
            written = writer.finish()
        if not len(written.image):
            _refuse_nothing(inputs, scenes, labels.patch_size)
        sources, ground = _on_ground(scenes, sources, written, lying)
        result = make_split(written.origins(sources, schema, ground), split)
        absent = [schema.names[i] for i in np.flatnonzero(written.class_pixels.sum(axis=0) == 0)]
        never = [f"classes without a pixel in any patch: {', '.join(absent)}"] if absent else []
        result = replace(result, warnings=(*never, *result.warnings))
        told = {"fit": labels.fit, "downsample": 1.0, "layout": "rasters", **_told(scenes)}
        noted = replace(result, warnings=(*lying.notes(), *result.warnings))
        write_tables(folder, written, sources, schema, noted, Making(key, split, told))
    return Prepared(open_patches(out), False, result.warnings)


def _footprints(scenes: Sequence[LabelledScene], patch_size: int, split: SplitOptions) -> Footprints:
    """How the scenes lie to one another; those are near that have less than the buffer of a block split between."""
    names = [f"{scene.pair.name}{scene.pair.image.suffix}" for scene in scenes]
    return footprints([scene.raster for scene in scenes], names, split.buffer_px(patch_size))


def _check_options(labels: LabelOptions) -> None:
    """Raise InputError at options that rasters do not take."""
    check_patching(labels.patch_size, labels.fit)
    if labels.fit == "resize":
        raise InputError("--fit resize: makes one patch of a whole scene; use crop or pad for rasters")
    if labels.downsample != 1:
        raise InputError(
            f"--downsample {labels.downsample:g}: is not for rasters; resample them, as `gdalwarp -tr` does"
        )
    if labels.layout is not None:
        raise InputError(f"--layout {labels.layout}: is for folders of pictures; leave it out with LABELS")


def _cut_scenes(
    writer: PatchWriter,
    scenes: Sequence[LabelledScene],
    labelling: Labelling,
    labels: LabelOptions,
    progress: Progress,
    say: Say,
) -> list[Source]:
    """Add the patches of all scenes; the scenes as dataset.json names them."""
    sources: list[Source] = []
    for scene in scenes:
        raster, name = scene.raster, scene.pair.name
        with labels_on(labelling, scene, labels.bad, say) as grid, open_pixels(raster, scene.choice) as pixels:
            if grid is None:
                continue
            tally = Tally()
            windows = strips(raster.height, raster.width, len(scene.choice.bands), writer.patch_size, labels.fit)
            for done, window in enumerate(windows, start=1):
                writer.add(len(sources), cut_strip(pixels, grid, window, writer.patch_size, labels.fit, tally))
                progress(f"cutting {scene.pair.image.name}", done, len(windows))
            notes = [*tally.notes(), *grid.notes()]
        for note in notes:
            say(f"{scene.pair.image.name}: {note}")
        sources.append(Source(name, name, None, raster.height, raster.width, tally.pixel_hash))
    return sources


def _on_ground(
    scenes: Sequence[LabelledScene], sources: Sequence[Source], written: Written, lying: Footprints
) -> tuple[list[Source], Ground | None]:
    """The sources with their groups, and where the patches lie; None where no raster is near another."""
    numbers = {scene.pair.name: number for number, scene in enumerate(scenes)}
    rasters = np.array([numbers[source.name] for source in sources], np.int64)
    grouped = [replace(source, group=lying.group(numbers[source.name])) for source in sources]
    return grouped, None if lying.alone else lying.ground(written.image, written.corners, rasters)


def _refuse_nothing(inputs: SceneInputs, scenes: Sequence[LabelledScene], patch_size: int) -> None:
    """Raise LabelError, as no patch came of the scenes."""
    if all(min(scene.raster.height, scene.raster.width) < patch_size for scene in scenes):
        raise LabelError(
            f"{inputs.images}: is smaller than a patch of {patch_size} px, so there is nothing to cut; "
            "use a smaller --patch-size, or --fit pad"
        )
    raise LabelError(
        f"{inputs.labels}: gives no valid pixel of {inputs.images} a class, so there is nothing to learn; "
        "give labels of this place"
    )


def _told(scenes: Sequence[LabelledScene]) -> dict[str, Any]:
    """What dataset.json says of rasters: ground sampling distance, bands and scale."""
    known = [scene.raster.gsd_m for scene in scenes if scene.raster.gsd_m is not None]
    first = scenes[0]
    return {
        "gsd_m": float(f"{sum(known) / len(known):.6g}") if known else None,
        "band_numbers": list(first.choice.bands),
        "band_names": [first.raster.names[band - 1] for band in first.choice.bands],
        "value_scale": None if first.choice.scale is None else list(first.choice.scale),
    }


def _key(
    scenes: Sequence[LabelledScene], labelling: Labelling, labels: LabelOptions, split: SplitOptions, lying: Footprints
) -> str:
    """The hash of everything that decides the patches: files, classes, options, format."""
    parts = [str(FORMAT), json.dumps(labelling.schema.to_dict()), json.dumps(split.to_dict()), labelling.identity]
    parts += [str(labels.patch_size), labels.fit, labels.unknown, repr(labels.ignore_value)]
    # Only of rasters near one another, so that keys of all others stay what they were before these were told apart.
    parts += [] if lying.alone else [repr((lying.joined.tolist(), lying.scene.tolist(), lying.shifts.tolist()))]
    for scene in scenes:
        parts += [scene.pair.name, scene.raster.identity, repr(scene.choice)]
    return digest(*parts)
