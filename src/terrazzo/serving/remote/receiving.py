"""What another machine sends as the result of its job: known names alone, checked, and published by one rename.

A worker is trusted to compute, not more. GDAL opens its rasters in a probe first, as it does an upload. What map.json
says of the job must be what the server knows of it. Every other file must be of its kind. A job whose result is refused
has failed.
"""

import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from terrazzo.errors import InputError, TerrazzoError
from terrazzo.maps.areas import AREAS
from terrazzo.maps.outputs.record import RUN
from terrazzo.maps.outputs.style import QUICKLOOK
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE
from terrazzo.pixels.bands.depth import EIGHT_BITS
from terrazzo.pixels.signatures import PNG
from terrazzo.serving.folder import ABOUT, PICTURE
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST
from terrazzo.serving.jobs.versions import LINEAGE, MODEL
from terrazzo.serving.remote.improved import Improved
from terrazzo.serving.remote.order import SUGGESTIONS
from terrazzo.serving.remote.refused import RefusedResultError, Strict
from terrazzo.serving.results.files import FILES
from terrazzo.serving.results.finished import FinishedMap
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads.probing import refuse
from terrazzo.serving.uploads.upload import Upload
from terrazzo.system.files import digest, read_json, write_json

MB = 1 << 20
MOST_SMALL = 64 * MB
"""The most bytes of a file that is no raster and no layer."""
_LARGE = (".tif", ".gpkg", ".safetensors")
_RASTERS = {
    f"{CLASSES}.tif": 1,
    f"{CONFIDENCE}.tif": 1,
    PICTURE: 3,
}
"""The bands of each raster, all of eight bits."""
_STARTS = {f"{CLASSES}.gpkg": b"SQLite format 3\0", QUICKLOOK: PNG}


class _Class(Strict):
    id: Annotated[int, Field(ge=0)]
    name: str
    color: str


class _Area(Strict):
    id: Annotated[int, Field(ge=0)]
    name: str
    pixels: Annotated[int, Field(ge=0)]
    hectares: float | None
    share: Annotated[float, Field(ge=0, le=1)]


class _About(Strict):
    """map.json."""

    job: str
    model: str
    upload: str
    name: str
    options: dict[str, Any]
    classes: list[_Class]
    areas: list[_Area]
    crs: str | None
    transform: Annotated[list[float], Field(min_length=6, max_length=6)]
    shape: Annotated[list[int], Field(min_length=2, max_length=2)]


@dataclass(frozen=True)
class Received:
    """The files that one worker has sent for one job so far."""

    assignment: Assignment
    settings: Settings
    worker: str

    @property
    def folder(self) -> Path:
        """Where they lie until they are published. Another worker's lie elsewhere."""
        return self.assignment.folder / f"from-{digest(self.worker)}"

    @property
    def most(self) -> Mapping[str, int]:
        """The names that may be sent, and the most bytes of each."""
        names = {SUGGEST: (SUGGESTIONS,), IMPROVE: (*FILES, MODEL, LINEAGE)}.get(self.assignment.process, tuple(FILES))
        return {name: self.settings.max_upload if Path(name).suffix in _LARGE else MOST_SMALL for name in names}

    def publish(self) -> Mapping[str, Any]:
        """Check the files and put them in place; the result of the job. What is in place already stays.

        Raises RefusedResultError. Nobody sees anything of a result that is refused.
        """
        if self.assignment.process == SUGGEST:
            return self._publish_suggestions()
        target, improved = self.assignment.target, self._improved
        if not target.is_dir():
            self._close()
            if improved is not None:
                improved.check()
            self._check_map()
            if improved is not None:
                improved.publish()
            target.parent.mkdir(parents=True, exist_ok=True)
            self._closed.rename(target)
        return {} if improved is None else improved.result()

    @property
    def _improved(self) -> Improved | None:
        """The model beside the map; None where the job improves none."""
        is_one = self.assignment.process == IMPROVE
        return Improved.of(self.assignment, self._closed) if is_one else None

    @property
    def _closed(self) -> Path:
        """Where the files lie while they are checked: what is sent meanwhile does not get there."""
        return self.folder.with_name(f"{self.folder.name}-closed")

    def _close(self) -> None:
        """Close the folder, unless an earlier try has done so."""
        if self.folder.is_dir() and any(self.folder.iterdir()):
            shutil.rmtree(self._closed, ignore_errors=True)
            self.folder.rename(self._closed)
        for path in self._closed.glob("*") if self._closed.is_dir() else ():
            if path.name not in self.most:
                path.unlink()

    def _check_map(self) -> None:
        needed = [file.name for file in FILES.values() if file.key is not None or file.name == ABOUT]
        missing = [name for name in needed if not (self._closed / name).is_file()]
        if missing:
            raise RefusedResultError(f"{missing[0]}: was not sent; expected {', '.join(needed)}")
        for name, start in _STARTS.items():
            with (self._closed / name).open("rb") as stream:
                if stream.read(len(start)) != start:
                    raise RefusedResultError(f"{name}: is no file of its kind")
        if not read_json(self._closed / RUN):
            raise RefusedResultError(f"{RUN}: is no JSON object")
        about = self._checked_about()
        for name, bands in _RASTERS.items():
            found = self._probed(name)
            size = [found["height"], found["width"]]
            if found["bands"] != bands or found["dtype"] != EIGHT_BITS or size != about.shape:
                raise RefusedResultError(
                    f"{name}: has {found['bands']} bands of {found['dtype']} and {size[1]} x {size[0]} pixels; "
                    f"expected {bands} of {EIGHT_BITS} and {about.shape[1]} x {about.shape[0]}"
                )
        try:
            areas = FinishedMap(self.assignment.job, self._closed, (), "", "").areas()
        except (TerrazzoError, ValueError, LookupError, TypeError) as error:
            raise RefusedResultError(f"{AREAS}: is no table of areas") from error
        stated = [(row.id, row.name, row.pixels) for row in about.areas]
        if [(row["id"], row["name"], row["pixels"]) for row in areas] != stated:
            raise RefusedResultError(f"{AREAS}: has other areas than {ABOUT}")

    def _checked_about(self) -> _About:
        """map.json, as this job has to have it."""
        try:
            about = _About.model_validate(read_json(self._closed / ABOUT))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise RefusedResultError(f"{ABOUT}: {where}: {first['msg']}") from error
        expected = {
            **{"job": self.assignment.job, "upload": self.assignment.upload},
            **{"name": self.assignment.name, "options": dict(self.assignment.options)},
        }
        if self._improved is None:  # the server names an improved model itself
            expected["model"] = self.assignment.model_id
        for name, value in expected.items():
            if getattr(about, name) != value:
                raise RefusedResultError(f"{ABOUT}: {name} is not that of the job")
        if [each.model_dump() for each in about.classes] != self._classes():
            raise RefusedResultError(f"{ABOUT}: the classes are not those of the model")
        a, b, _, d, e, _ = about.transform
        if a * e == b * d:
            raise RefusedResultError(f"{ABOUT}: the transform places no pixels")
        return about

    def _classes(self) -> list[dict[str, Any]]:
        from terrazzo.model.header import read_header

        return [
            dict(each)
            for each in read_header(self._improved.model if self._improved else self.assignment.model).schema.to_list()
        ]

    def _probed(self, name: str) -> Mapping[str, Any]:
        """The header of a raster, by the probe that looks at uploads."""
        path = self._closed / name
        size = path.stat().st_size
        sent = Upload(self.assignment.job, "", "image/tiff", path, size, size, name=name)
        try:
            return refuse(sent, replace(self.settings, max_pixels=self.assignment.max_pixels or 1 << 62))
        except InputError as error:
            raise RefusedResultError(str(error)) from error

    def _publish_suggestions(self) -> Mapping[str, Any]:
        """Check the suggestions and put them at their map."""
        target, of_map = self.assignment.out, self.assignment.of_map
        path = self.folder / SUGGESTIONS
        if path.is_file() and target is not None:
            found = read_json(path)
            features = found.get("features")
            if found.get("type") != "FeatureCollection" or not isinstance(features, list):
                raise RefusedResultError(f"{SUGGESTIONS}: is no GeoJSON FeatureCollection")
            if not all(_is_suggestion(feature) for feature in features):
                raise RefusedResultError(f"{SUGGESTIONS}: holds something other than boxes and polygons")
            write_json(target, {"type": "FeatureCollection", "features": features})
        if target is None or not target.is_file():
            raise RefusedResultError(f"{SUGGESTIONS}: was not sent")
        n_boxes = sum(each["properties"]["kind"] == "box" for each in read_json(target)["features"])
        return {"map": of_map, "boxes": n_boxes}


def _is_suggestion(feature: Any) -> bool:
    """Whether a feature is a box or a polygon with finite coordinates and plain properties."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return False
    geometry, properties = feature.get("geometry"), feature.get("properties")
    if not isinstance(geometry, dict) or not isinstance(properties, dict):
        return False
    plain = all(value is None or isinstance(value, str | int | float) for value in properties.values())
    shaped = geometry.get("type") in ("Polygon", "MultiPolygon") and _are_numbers(geometry.get("coordinates"))
    return plain and shaped and properties.get("kind") in ("box", "polygon")


def _are_numbers(found: Any, depth: int = 0) -> bool:
    """Whether nested lists hold finite numbers alone."""
    if isinstance(found, list) and depth < 5:
        return bool(found) and all(_are_numbers(each, depth + 1) for each in found)
    return isinstance(found, int | float) and depth > 0 and math.isfinite(found)


def plain(text: Any, longest: int) -> str:
    """A worker's text as one line of printable characters, cut at `longest`."""
    words = re.sub(r"\s+", " ", str(text)).strip()
    return "".join(letter for letter in words if letter.isprintable())[:longest]
