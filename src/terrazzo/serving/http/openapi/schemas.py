"""The objects of the API as JSON schemas."""

from typing import Any

from terrazzo.serving.http.openapi.describe import ref
from terrazzo.serving.jobs.job import Status

ID = "^[0-9a-f]{32}$"
_TEXT: dict[str, Any] = {"type": "string"}
_MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_MAYBE_WHOLE: dict[str, Any] = {"type": ["integer", "null"]}
_NUMBER: dict[str, Any] = {"type": "number"}
_TRUE_OR_FALSE: dict[str, Any] = {"type": "boolean"}


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(of: Any) -> dict[str, Any]:
    return {"type": "array", "items": of}


_LINKS = _list(ref("Link"))
_PROCESS = {
    "id": _TEXT,
    "title": _TEXT,
    "version": _TEXT,
    "jobControlOptions": _list(_TEXT),
    "outputTransmission": _list(_TEXT),
    "classes": _list(ref("Class")),
    "scores": {"type": "object", "additionalProperties": _NUMBER},
    "protocol": _TEXT | {"description": "On what the scores were measured."},
    "bands": {"type": "integer"},
    "band_names": {"type": ["array", "null"], "items": _TEXT},
    "gsd_m": {"type": ["number", "null"], "description": "Metres a pixel of the training images, where known."},
    "patch_size": {"type": "integer"},
    "lineage": _list({"type": "object"}),
    "parent": _MAYBE_TEXT,
    "improvement": {"type": ["object", "null"], "description": "lineage.json of an improved model."},
    "links": _LINKS,
}
_INPUTS = {"type": "object", "additionalProperties": {"type": "object"}}
_COORDINATES = {"type": "array", "items": {}}
SCHEMAS: dict[str, dict[str, Any]] = {
    "Problem": _object("type title status detail", type=_TEXT, title=_TEXT, status={"type": "integer"}, detail=_TEXT),
    "Link": _object("href", href=_TEXT, rel=_TEXT, type=_TEXT, title=_TEXT),
    "Class": _object("id name color", id={"type": "integer"}, name=_TEXT, color=_TEXT),
    "ProcessSummary": _object("id title version links", **_PROCESS),
    "Process": _object("id title version inputs outputs", **_PROCESS, inputs=_INPUTS, outputs=_INPUTS),
    "Processes": _object(
        "processes improve links",
        processes=_list(ref("ProcessSummary")),
        improve=_object("available reason href", available=_TRUE_OR_FALSE, reason=_MAYBE_TEXT, href=_TEXT),
        links=_LINKS,
    ),
    "Reference": {"oneOf": [_TEXT, _object("href", href=_TEXT)]},
    "Inputs": {
        "type": "object",
        "description": "`image` (`map` for improve and suggest) and the options that GET /processes/{process} lists.",
        "properties": {"image": ref("Reference"), "map": ref("Reference")},
    },
    "Execution": {
        "oneOf": [
            _object("inputs", inputs=ref("Inputs"), outputs={}, response={}, mode={}) | {"additionalProperties": False},
            {"allOf": [ref("Inputs"), {"not": {"required": ["inputs"]}}]},
        ]
    },
    "Job": _object(
        "jobID processID type status progress",
        processID=_TEXT,
        type={"const": "process"},
        jobID=_TEXT | {"pattern": ID},
        status={"enum": [str(each) for each in Status]},
        message=_TEXT,
        progress={"type": "integer", "minimum": 0, "maximum": 100},
        created=_TEXT,
        started=_MAYBE_TEXT,
        finished=_MAYBE_TEXT,
        updated=_TEXT,
        place=_MAYBE_WHOLE | {"description": "How many jobs go before it, while it waits."},
        seconds_left={"type": ["number", "null"], "description": "An estimate, while it runs."},
        inputs={"type": "object"},
        links=_LINKS,
    ),
    "Jobs": _object("jobs links", jobs=_list(ref("Job")), links=_LINKS),
    "Upload": _object(
        "id href media_type offset complete",
        id=_TEXT | {"pattern": ID},
        href=_TEXT,
        media_type=_TEXT,
        name=_MAYBE_TEXT,
        offset={"type": "integer"},
        length=_MAYBE_WHOLE,
        complete=_TRUE_OR_FALSE,
        sha256=_MAYBE_TEXT,
        header={"type": ["object", "null"], "description": "Width, height, bands, dtype, crs, driver."},
        created=_TEXT,
    ),
    "Item": _object(
        "type stac_version id geometry properties assets links",
        type={"const": "Feature"},
        stac_version=_TEXT,
        id=_TEXT,
        geometry={"type": ["object", "null"]},
        properties={"type": "object"},
        assets={"type": "object", "additionalProperties": _object("href", href=_TEXT)},
        links=_LINKS,
    ),
    "Point": _object(
        "x y row col class confidence",
        x=_NUMBER,
        y=_NUMBER,
        row={"type": "integer"},
        col={"type": "integer"},
        confidence={"type": ["number", "null"], "description": "Per cent."},
        **{"class": {"anyOf": [_object("id name", id={"type": "integer"}, name=_TEXT), {"type": "null"}]}},
    ),
    "Polygons": _object(
        "type features",
        type={"const": "FeatureCollection"},
        features=_list(
            _object(
                "type geometry properties",
                type={"const": "Feature"},
                geometry=_object(
                    "type coordinates", type={"enum": ["Polygon", "MultiPolygon"]}, coordinates=_COORDINATES
                ),
                properties=_object("class", **{"class": _TEXT}),
            )
        ),
    ),
    "FeatureCollection": _object(
        "type features", type={"const": "FeatureCollection"}, features=_list({"type": "object"})
    ),
    "Session": _object("name role", name=_TEXT, role=_TEXT),
    "Status": _object("status", status=_TEXT),
    "Content": _object(
        "size sha256 suffix",
        size={"type": "integer"},
        sha256=_TEXT,
        suffix=_TEXT | {"description": "Of the file's name, by which its format is known."},
    ),
    "Order": _object(
        "jobID processID upload name image model_id model lease_seconds job_seconds options",
        jobID=_TEXT | {"pattern": ID},
        processID=_TEXT,
        upload=_TEXT | {"pattern": ID},
        name=_TEXT,
        image=ref("Content"),
        model_id=_TEXT,
        model=ref("Content"),
        lease_seconds=_NUMBER | {"description": "How long the worker may be silent."},
        job_seconds=_NUMBER | {"description": "How long it may compute without a new piece."},
        options={"type": "object"},
        max_pixels=_MAYBE_WHOLE,
        files={
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "The files of the result, and the most bytes of each.",
        },
        of_map=_MAYBE_TEXT,
        corrections={"anyOf": [ref("Content"), {"type": "null"}]},
        before={"anyOf": [ref("Content"), {"type": "null"}]},
        version={"type": "integer", "description": "Of an improvement, the number of its version."},
    ),
}
