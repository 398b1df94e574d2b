"""What is in rasters and their labels, told before patches are made: only headers and labels are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from terrazzo.classes.schema import IGNORE
from terrazzo.classes.tables import ClassTable
from terrazzo.errors import ClassTableError, LabelError
from terrazzo.pixels.rasters import Choice, read_raster
from terrazzo.scenes.contract.class_drafts import draft_classes
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.labelled_rasters.label_rasters import RasterLabels
from terrazzo.scenes.labelled_rasters.labelling import Labelling
from terrazzo.scenes.labelled_rasters.matching import pair_rasters
from terrazzo.scenes.labelled_rasters.opening import LabelledScene, SceneInputs, labels_on, open_labelling
from terrazzo.scenes.labelled_rasters.raster_classes import census_of
from terrazzo.scenes.labelled_rasters.strips import strips
from terrazzo.system.reporting import Progress


@dataclass(frozen=True)
class SceneSurvey:
    """Rasters and labels described, as text and as a JSON value, with a table of their classes."""

    text: tuple[str, ...]
    value: dict[str, Any]
    table: tuple[ClassTable, int] | None
    """The classes to edit, and how many values are not in the table; None where nothing is known of them."""
    refusal: str | None
    """None, or in one line why prepare would refuse."""


def survey_scenes(inputs: SceneInputs, labels: LabelOptions, progress: Progress) -> SceneSurvey:
    """What is in labelled rasters, by the options of prepare; invalid pixels of the images are counted with the others.

    Raises InputError where a file cannot be read; what only prepare would refuse is told as `refusal`.
    """
    pairs, _ = pair_rasters(inputs.images, inputs.labels, labels.unpaired)
    rasters = [read_raster(pair.image) for pair in pairs]
    scenes = [LabelledScene(*both, Choice((1,))) for both in zip(pairs, rasters, strict=True)]
    value: dict[str, Any] = {
        "layout": "rasters",
        "n_images": len(scenes),
        "pixels": sum(raster.height * raster.width for raster in rasters),
        "rasters": [_told(scene) for scene in scenes],
        "classes": [],
        "refusal": None,
    }
    text = [_line(told) for told in value["rasters"]]
    try:
        labelling = open_labelling(scenes, inputs, labels, progress)
        pixels, said = _count(scenes, labelling, labels, progress)
    except (LabelError, ClassTableError) as error:
        table = None
        if isinstance(error, ClassTableError) and not pairs[0].is_layer:
            table = draft_classes(census_of(pairs, rasters, progress), None, labels.ignore_value)
        return SceneSurvey(tuple(text), value | {"refusal": str(error)}, table, str(error))
    schema = labelling.schema
    total = max(int(pixels[: schema.n_classes].sum()), 1)
    value["classes"] = [
        entry | {"pixels": int(pixels[entry["id"]]), "share": int(pixels[entry["id"]]) / total}
        for entry in schema.to_list()
    ]
    share = int(pixels[: schema.n_classes].sum()) / max(value["pixels"], 1)
    value["labelled"] = share
    text += [*labelling.notes, *said, f"{share:.1%} of the pixels have a label"]
    return SceneSurvey(tuple(text), value, (_table(labelling), 0), None)


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
    """Pixels (256,) of each id on the grids of all scenes, and what is said of the labels on the way."""
    pixels, said = np.zeros(IGNORE + 1, np.int64), list[str]()
    for number, scene in enumerate(scenes, start=1):
        with labels_on(labelling, scene, labels.bad, said.append) as grid:
            if grid is None:
                continue
            for window in strips(scene.raster.height, scene.raster.width, 1, labels.patch_size, "pad"):
                pixels += np.bincount(grid.ids(*window).ravel(), minlength=IGNORE + 1)
            said += [f"{scene.pair.name}: {note}" for note in grid.notes()]
        progress("reading labels", number, len(scenes))
    return pixels, said


def _table(labelling: Labelling) -> ClassTable:
    """The classes to edit: of polygons by name, of label rasters with the values that stand for them."""
    if isinstance(labelling, RasterLabels) and labelling.classes.label_ids is not None:
        return ClassTable(labelling.classes.schema, labelling.classes.values(), (), True)
    return ClassTable(labelling.schema, tuple(range(labelling.schema.n_classes)), (), False)
