"""From checked arguments to the chosen boxes: scenes are mapped, their boxes measured, and the best ones written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.improving.suggesting.boxes import BoxGrid, Tally
from terrazzo.improving.suggesting.geopackage import write_geopackage
from terrazzo.improving.suggesting.measuring import measure
from terrazzo.improving.suggesting.photo_folder import write_photo_folder
from terrazzo.improving.suggesting.ranking import Candidates, choose, information, shortlist
from terrazzo.improving.suggesting.scenes import PhotoScene, RasterScene, Scene
from terrazzo.improving.suggesting.suggestion import Box, Suggestion
from terrazzo.maps.command import Command
from terrazzo.maps.engines.local import LocalEngine
from terrazzo.maps.engines.options import EngineOptions
from terrazzo.maps.inputs import FoundPictures, PictureFile, RasterFile
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.model.opening import ModelFile, open_models
from terrazzo.model.predictor import Halving, Predictor
from terrazzo.pixels.image_files import read_size
from terrazzo.system.files import scratch_beside, writing
from terrazzo.system.reporting import Reporter, how_many

MOST_MEASURED = 1024
"""Boxes whose surroundings are measured at most, or four for each box that is wanted, if that is more."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Job:
    """The arguments of `suggest`, checked."""

    file: ModelFile
    rasters: Sequence[RasterFile]
    """Either rasters or photos."""
    photos: Sequence[PictureFile]
    out: Path
    n_boxes: int
    side: int
    reading: Mapping[str, Any]
    reporter: Reporter

    @cached_property
    def model(self) -> Predictor:
        """The model, opened once it is needed."""
        return open_models(self.file)


def run(job: Job) -> Suggestion:
    """Find the boxes and write them.

    Raises ImageError or InputError where a scene cannot be used, no box fits, or nothing is valid.
    """
    with writing(job.out), scratch_beside(job.out) as scratch:
        scenes = _photos(job, scratch) if job.photos else _rasters(job, scratch)
        boxes = _chosen(job, scenes)
        by_scene = {scene.name: scene for scene in scenes}
        schema = job.file.header.schema
        if job.photos:
            photos = [(scene, box) for box in boxes if isinstance(scene := by_scene[box.scene], PhotoScene)]
            write_photo_folder(job.out, photos, job.side, schema)
        else:
            rasters = [(scene, box) for box in boxes if isinstance(scene := by_scene[box.scene], RasterScene)]
            write_geopackage(job.out, rasters, job.side, schema)
    n_pixels = sum(scene.size[0] * scene.size[1] for scene in scenes)
    return Suggestion(job.out, tuple(boxes), job.side, n_pixels)


def _rasters(job: Job, scratch: Path) -> list[RasterScene]:
    """The rasters as `predict` plans and reports them. Raises ImageError or InputError if one cannot be mapped."""
    from terrazzo.maps.rasters.batch import RasterBatch

    options = MapOptions(**job.reading, confidence=True, probabilities=True, vector_format="none")
    command = Command(job.file, options, EngineOptions(), scratch, reporter=job.reporter)
    numbered = [replace(file, name=PurePosixPath(f"{i}/{file.name.name}")) for i, file in enumerate(job.rasters)]
    batch = RasterBatch(command, FoundPictures((), tuple(numbered), 0))
    batch.plan()
    if batch.failures.errors:
        raise batch.failures.errors[0]
    found = [raster_job.raster for _, raster_job in batch.jobs]
    first = found[0]
    for raster in found[1:]:
        if not (first.georeferenced and raster.georeferenced):
            bare = raster if first.georeferenced else first
            raise InputError(
                f"{bare.path}: is not georeferenced, so its boxes cannot lie in one layer with those of other scenes; "
                "suggest its boxes by itself"
            )
        if raster.crs != first.crs:
            raise InputError(
                f"{raster.path}: has another coordinate reference system than {first.path}; "
                "suggest their boxes one by one"
            )
    engine = LocalEngine(lambda: Halving(job.model, job.reporter.say), job.file)
    names = _names(job.rasters)
    return [RasterScene(name, each, engine) for name, (_, each) in zip(names, batch.jobs, strict=True)]


def _photos(job: Job, scratch: Path) -> list[PhotoScene]:
    """The photos. Raises ImageError or InputError if one cannot be read, or the model takes none."""
    header, first = job.file.header, job.photos[0]
    if header.bands != 3 or header.normalization.deep:
        needed = f"values as {header.normalization.dtype}" if header.normalization.deep else f"{header.bands} bands"
        where = str(first.path)
        raise InputError(f"{where}: is a picture of three 8-bit bands, {job.file.path} takes {needed}; name a raster")
    sizes = [read_size(file.read(), str(file.path)) for file in job.photos]
    model = Halving(job.model, job.reporter.say)
    return [
        PhotoScene(name, file, size, model, job.file, scratch / f"{number}.npz")
        for number, (name, file, size) in enumerate(zip(_names(job.photos), job.photos, sizes, strict=True))
    ]


def _names(files: Sequence[RasterFile | PictureFile]) -> list[str]:
    """The names of scenes: those below their inputs, or the whole paths where these are not distinct."""
    names = [str(file.name) for file in files]
    return names if len(set(names)) == len(names) else [str(file.path) for file in files]


def _chosen(job: Job, scenes: Sequence[Scene]) -> list[Box]:
    """The boxes of all scenes to label, the best first."""
    boxes = _candidates(job, scenes)
    boxes = boxes.taken(shortlist(boxes, max(MOST_MEASURED, 4 * job.n_boxes)))
    features, novelty = _measured(job, scenes, boxes)
    found = []
    for rank, (number, reason) in enumerate(choose(boxes, features, novelty, job.n_boxes), start=1):
        row, col = boxes.place[number].tolist()
        distance = None if novelty is None else float(novelty[number])
        figures = float(boxes.uncertainty[number]), distance, scenes[boxes.scene[number]].name
        found.append(Box(rank, reason, *figures, row, col, float(boxes.valid[number])))
    if len(found) < job.n_boxes:
        job.reporter.say(
            f"--boxes {job.n_boxes}: {how_many(len(found), 'box')} of {job.side} px with a valid pixel "
            f"{'fits' if len(found) == 1 else 'fit'} side by side; all are suggested"
        )
    return found


def _candidates(job: Job, scenes: Sequence[Scene]) -> Candidates:
    """Every box with a valid pixel, from the maps of the scenes."""
    tallies = []
    done, total = 0, sum(scene.size[0] * scene.size[1] for scene in scenes)

    def step(pixels: int) -> None:
        nonlocal done
        done += pixels
        job.reporter.progress("predicting pixels", done, total)

    grids = [BoxGrid(scene.size, job.side) for scene in scenes]
    _refuse_small(job, scenes, grids)
    for scene, grid in zip(scenes, grids, strict=True):
        tally = Tally(grid, job.file.header.schema.n_classes)
        for part in scene.map(step):
            tally.add(part)
        tallies.append(tally)
    there = [np.argwhere(tally.valid > 0) for tally in tallies]
    if not any(map(len, there)):
        raise InputError(
            f"{scenes[0].path}: no box of {job.side} px has a valid pixel; give another scene, or a smaller --box-size"
        )
    at = [tuple(places.T) for places in there]
    valid = np.concatenate([tally.valid[places] for tally, places in zip(tallies, at, strict=True)])
    percent = np.concatenate([tally.percent[places] for tally, places in zip(tallies, at, strict=True)])
    classes = np.concatenate([tally.classes[places] for tally, places in zip(tallies, at, strict=True)])
    scene_numbers = np.repeat(np.arange(len(scenes)), [len(places) for places in there])
    places = np.concatenate(there) * job.side
    uncertainty = percent / (100.0 * valid)
    figures = (valid / job.side**2, uncertainty, information(classes), classes / valid[:, None])
    return Candidates(scene_numbers, places, job.side, *figures)


def _refuse_small(job: Job, scenes: Sequence[Scene], grids: Sequence[BoxGrid]) -> None:
    """Report scenes that are smaller than a box. Raises InputError if all are."""
    small = [scene for scene, grid in zip(scenes, grids, strict=True) if not grid.n_boxes]
    if not small:
        return
    height, width = small[0].size
    words = f"{small[0].path}: has {height} x {width} px, less than a box of {job.side} px"
    if len(small) == len(scenes):
        most = max(min(scene.size) for scene in scenes)
        raise InputError(f"{words}; give --box-size {most} or less")
    more = f" (and {how_many(len(small) - 1, 'more scene')})" if len(small) > 1 else ""
    job.reporter.say(f"{words}; it has no box{more}")


def _measured(job: Job, scenes: Sequence[Scene], boxes: Candidates) -> tuple[Values, Values | None]:
    """Features (n, D) of boxes to compare them by, and their novelty (n,), None if the model has no measure."""
    if not job.file.runs_torch:
        job.reporter.say(f"{job.file.path}: has no measure of its training data, as exports have none; no novelty")
        return boxes.shares, None
    features, distances = [], []
    done = 0
    for found, apart in measure(job.model, job.file, _windows(scenes, boxes)):
        features.append(found)
        distances.append(apart)
        done += len(found)
        job.reporter.progress("measuring boxes", done, len(boxes))
    known = [apart for apart in distances if apart is not None]
    if len(known) < len(distances):
        job.reporter.say(
            f"{job.file.path}: has no measure of its training data, so boxes have no novelty; "
            "a model that this version trains has one"
        )
        return np.concatenate(features), None
    return np.concatenate(features), np.concatenate(known)


def _windows(scenes: Sequence[Scene], boxes: Candidates) -> Iterator[Any]:
    """The windows around the boxes, in their order."""
    for number, scene in enumerate(scenes):
        places = [(int(row), int(col)) for row, col in boxes.place[boxes.scene == number]]
        if places:
            yield from scene.windows(places, boxes.side)
