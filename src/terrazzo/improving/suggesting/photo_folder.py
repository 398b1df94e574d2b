"""Crops of photos with the masks that the model predicts for them: a data set that `prepare` reads, to be corrected.

`images/001_NAME.png` and `masks/001_NAME.png`, a palette PNG, belong together; the number is the box's rank.
`classes.json` has the classes. `boxes.csv` has the fields of `suggest.gpkg`, where the box lies in which photo, and a
digest of the predicted mask, by which `prepare` knows one that nobody changed.
"""

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from PIL import Image

from terrazzo.classes.schema import ClassSchema
from terrazzo.improving.suggesting.scenes import PhotoScene
from terrazzo.improving.suggesting.suggestion import FIELDS, Box
from terrazzo.scenes.labelled_rasters.checked_crops import FILE, MASKS, PREDICTED, TABLE, mask_digest
from terrazzo.system.files import Mark, csv_text, write_folder_beside, write_text

IMAGES, CLASSES = "images", "classes.json"
MORE_FIELDS = (FILE, "scene", "row", "col", PREDICTED)
"""Fields that boxes.csv has beside those of suggest.gpkg."""
MARK = Mark((IMAGES, MASKS, CLASSES, TABLE), ((TABLE, ",".join(FIELDS)),))


def write_photo_folder(out: Path, found: Sequence[tuple[PhotoScene, Box]], side: int, schema: ClassSchema) -> None:
    """Write the crops, masks and tables into the folder `out`, whole or not at all."""
    rows = {}
    with write_folder_beside(out) as folder:
        for name in (IMAGES, MASKS):
            (folder / name).mkdir()
        for scene in {id(scene): scene for scene, _ in found}.values():
            boxes = [box for other, box in found if other is scene]
            crops = scene.crops([(box.row, box.col) for box in boxes], side)
            for box, (pixels, ids) in zip(boxes, crops, strict=True):
                file = f"{box.rank:03d}_{PurePosixPath(scene.name).stem}.png"
                Image.fromarray(pixels).save(folder / IMAGES / file)
                mask = Image.fromarray(ids)
                mask.putpalette(schema.palette[: schema.n_classes].tobytes())
                mask.save(folder / MASKS / file)
                novelty, checked = "" if box.values[3] is None else box.values[3], str(box.values[4]).lower()
                rows[box.rank] = (
                    *box.values[:3],
                    novelty,
                    checked,
                    file,
                    box.scene,
                    box.row,
                    box.col,
                    mask_digest(ids),
                )
        write_text(folder / CLASSES, json.dumps(schema.to_list(), indent=2, ensure_ascii=False) + "\n")
        write_text(folder / TABLE, csv_text((*FIELDS, *MORE_FIELDS), [rows[rank] for rank in sorted(rows)]))
