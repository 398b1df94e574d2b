"""The map of an upload, by `terrazzo.predict`, put in place by one rename."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from terrazzo.maps.outputs.record import RUN
from terrazzo.maps.pieces.journal import PARTIAL
from terrazzo.maps.predict import predict
from terrazzo.model.header import read_header
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.serving.folder import ABOUT, PICTURE
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.tasks.image import choice_of, open_raster, raster_of, write_picture
from terrazzo.serving.jobs.tasks.reporting import Report
from terrazzo.system.files import read_json, write_json


def map_image(assignment: Assignment, report: Report) -> Mapping[str, Any]:
    """Map the upload, and put the map in place. A job that was cut off is resumed."""
    if not assignment.target.is_dir():
        put_in_place(assignment, draw_map(assignment, report, (0, 100)))
    return {}


def draw_map(assignment: Assignment, report: Report, span: tuple[float, float]) -> Path:
    """The folder with the map of the upload and its picture, in the folder of the job.

    `span` is the part of the job, in per cent, that the map takes.
    """
    start, end = span
    report.stage("reading the image", start, start + 0.02 * (end - start))
    raster = raster_of(assignment.image, assignment.folder)
    maps = assignment.folder / "maps"
    folder = maps / raster.stem
    report.count = lambda: len(list((folder / PARTIAL).glob("piece-*.npz")))
    report.stage("predicting", start + 0.02 * (end - start), start + 0.9 * (end - start))
    predict(
        assignment.model,
        raster,
        out=maps,
        confidence=True,
        vector_format="gpkg",
        max_memory=assignment.max_memory,
        max_pixels=assignment.max_pixels,
        engine=assignment.engine,
        scheduler=assignment.scheduler,
        progress=report.progress,
        **assignment.options,
    )
    n_pieces = int(read_json(folder / RUN).get("pieces", 0))
    report.count = lambda: n_pieces
    report.stage("writing the picture", start + 0.9 * (end - start), end)
    found = open_raster(raster, assignment.options, assignment.max_pixels)
    header = read_header(assignment.model)
    choice = choice_of(found, header, assignment.options)
    names = header.reading.names if header.reading else tuple(found.names[band - 1] for band in choice.bands)
    write_picture(found, choice, names, folder / PICTURE)
    return folder


def put_in_place(assignment: Assignment, folder: Path) -> None:
    """Describe the map that `draw_map` made, and move it to its place."""
    raster = raster_of(assignment.image, assignment.folder)
    found = open_raster(raster, assignment.options, assignment.max_pixels)
    write_json(folder / ABOUT, describe(assignment, found, folder))
    _hide_paths(folder / RUN, assignment, raster)
    publish(folder, assignment.target)


def describe(assignment: Assignment, raster: Raster, folder: Path) -> dict[str, Any]:
    """What map.json says: classes, areas, grid, model and upload."""
    record = read_json(folder / RUN)
    rows = record["areas"]["classes"]
    total = sum(row["pixels"] for row in rows)
    return {
        "job": assignment.job,
        "classes": record["classes"],
        "areas": [
            {
                "id": row["class_id"],
                "name": row["class"],
                "pixels": row["pixels"],
                "hectares": row["area_ha"],
                "share": row["pixels"] / total if total else 0.0,
            }
            for row in rows
        ],
        "model": assignment.model_id,
        "upload": assignment.upload,
        "options": dict(assignment.options),
        "name": assignment.name,
        "crs": raster.crs.to_wkt() if raster.georeferenced and raster.crs is not None else None,
        "transform": list(raster.transform)[:6],
        "shape": [raster.height, raster.width],
    }


def publish(folder: Path, target: Path) -> None:
    """Move a finished folder to its place by one rename; where it stands already, it stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(folder)
    else:
        folder.rename(target)


def _hide_paths(path: Path, assignment: Assignment, raster: Path) -> None:
    """Name the upload and the model in run.json as clients know them, without the server's folders and addresses."""
    text = path.read_text(encoding="utf-8")
    hidden: list[tuple[Path | str, str]] = [(raster, assignment.name), (assignment.model, assignment.model_id)]
    hidden += [] if assignment.scheduler is None else [(assignment.scheduler, "a cluster")]
    for found, name in hidden:
        text = text.replace(_inside_json(str(found)), _inside_json(name))
    path.write_text(text, encoding="utf-8", newline="\n")


def _inside_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
