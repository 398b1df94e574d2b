"""Rasters and their labels described; only headers and labels are read."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from terrazzo.classes.schema import IGNORE
from terrazzo.classes.tables import ClassTable
from terrazzo.errors import ClassTableError, LabelError
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.reading import Choice
from terrazzo.pixels.rasters.stacks.stack import read_image, warp_notes
from terrazzo.scenes.contract.class_drafts import draft_classes
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.inspection import Inspected, Inspection, class_lines
from terrazzo.scenes.labelled_rasters.inputs import SceneInputs
from terrazzo.scenes.labelled_rasters.label_rasters import ROWS, RasterLabels
from terrazzo.scenes.labelled_rasters.labelling import Labelling
from terrazzo.scenes.labelled_rasters.matching import pair_rasters
from terrazzo.scenes.labelled_rasters.opening import LabelledScene, doubts_about, labels_on, open_labelling
from terrazzo.scenes.labelled_rasters.raster_classes import census_of
from terrazzo.system.reporting import Progress


def inspect_rasters(inputs: SceneInputs, options: LabelOptions, least_side: int, progress: Progress) -> Inspected:
    """A description of labelled rasters; invalid pixels of the images are counted too.

    Raises InputError at files that cannot be read; other reasons of prepare to refuse are the `refusal`.
    """
    described, draft = _described(inputs, options, progress)
    if described.refusal is None and all(
        min(it["height"], it["width"]) < least_side for it in described.value["rasters"]
    ):
        words = inputs.too_small(least_side)
        described = replace(described, refusal=words, value=described.value | {"refusal": words})

    def refusal_with(table: Path) -> str | None:
        return _described(inputs, replace(options, classes=table), progress)[0].refusal

    return Inspected(described, draft, refusal_with)


def _described(
    inputs: SceneInputs, labels: LabelOptions, progress: Progress
) -> tuple[Inspection, tuple[ClassTable, int] | None]:
    """The description, and the draft of a class table with the number of values left out; None if unknown."""
    pairs, _ = pair_rasters(inputs.images, inputs.labels, labels.unpaired)
    rasters = [read_image(pair.image, nodata=inputs.nodata) for pair in pairs]
    scenes = [LabelledScene(*both, Choice(_but_alpha(both[1]))) for both in zip(pairs, rasters, strict=True)]
    value: dict[str, Any] = {
        "layout": "rasters",
        "n_images": len(scenes),
        "pixels": sum(raster.height * raster.width for raster in rasters),
        "rasters": [_told(scene) for scene in scenes],
        "classes": [],
        "refusal": None,
    }
    text = [_line(told) for told in value["rasters"]]
    text += [*(note for raster in rasters for note in raster.notes), *doubts_about(scenes), *warp_notes(rasters)]
    try:
        labelling = open_labelling(scenes, inputs, labels, progress)
        pixels, said = _count(scenes, labelling, labels, progress)
    except (LabelError, ClassTableError) as error:
        draft = None
        if isinstance(error, ClassTableError) and not pairs[0].is_layer:
            draft = draft_classes(census_of(pairs, rasters, progress), None, labels.ignore_value)
        return Inspection(tuple(text), value | {"refusal": str(error)}, str(error)), draft
    schema = labelling.schema
    n_labelled = int(pixels[: schema.n_classes].sum())
    value["classes"] = [
        entry | {"pixels": int(pixels[entry["id"]]), "share": int(pixels[entry["id"]]) / max(n_labelled, 1)}
        for entry in schema.to_list()
    ]
    value["labelled"] = n_labelled / max(value["pixels"], 1)
    text += [*labelling.notes, *said, f"{value['labelled']:.1%} of the pixels have a label"]
    return Inspection((*text, *class_lines(value["classes"])), value), (_table(labelling), 0)


def _but_alpha(raster: Raster) -> tuple[int, ...]:
    return tuple(band for band, color in enumerate(raster.colors, start=1) if color != "alpha") or (1,)


def _told(scene: LabelledScene) -> dict[str, Any]:
    raster = scene.raster
    return {
        "name": scene.pair.name,
        "height": raster.height,
        "width": raster.width,
        "bands": list(raster.names),
        "dtype": raster.dtype,
        "crs": None if raster.crs is None else raster.crs.to_string(),
        "gsd_m": raster.gsd_m,
    }


def _line(told: dict[str, Any]) -> str:
    place = "no CRS" if told["crs"] is None else told["crs"][:60]
    gsd = "" if told["gsd_m"] is None else f", {told['gsd_m']:.3g} m a pixel"
    bands = ", ".join(told["bands"])
    return f"{told['name']}: {told['height']} x {told['width']} px of {told['dtype']} ({bands}), {place}{gsd}"


def _count(
    scenes: Sequence[LabelledScene], labelling: Labelling, labels: LabelOptions, progress: Progress
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], list[str]]:
    """Pixels (256,) of each id on the grids of all scenes, and notes on the labels."""
    pixels, said = np.zeros(IGNORE + 1, np.int64), list[str]()
    for number, scene in enumerate(scenes, start=1):
        with labels_on(labelling, scene, labels.bad, said.append) as grid:
            if grid is None:
                continue
            height, width = scene.raster.height, scene.raster.width
            for row in range(0, height, ROWS):
                ids = grid.ids(row, 0, min(ROWS, height - row), width)
                pixels += np.bincount(ids.ravel(), minlength=IGNORE + 1)
            said += [f"{scene.pair.name}: {note}" for note in grid.notes()]
        progress("reading labels", number, len(scenes))
    return pixels, said


def _table(labelling: Labelling) -> ClassTable:
    """The class table to edit: by name for polygons, with the values for label rasters."""
    if isinstance(labelling, RasterLabels) and labelling.classes.label_ids is not None:
        return ClassTable(labelling.classes.schema, labelling.classes.values(), (), True)
    return ClassTable(labelling.schema, tuple(range(labelling.schema.n_classes)), (), False)
