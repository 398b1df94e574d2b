"""What the routes of uploads and maps take and answer."""

from terrazzo.serving.http.openapi.describe import (
    GEOJSON,
    JSON,
    answer,
    body,
    in_header,
    in_path,
    in_query,
    operation,
    ref,
)
from terrazzo.serving.http.openapi.operations import JOB, Paths
from terrazzo.serving.http.openapi.schemas import ID
from terrazzo.serving.results.files import FILES
from terrazzo.serving.uploads.sniffing import FORMATS

_MAP = JOB
_UPLOAD = in_path("upload_id", "The id of the upload.", ID)
_BYTES = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
_LENGTH = _BYTES | {"minimum": 1}
_BINARY = {"type": "string", "format": "binary"}
_ANYTHING: dict[str, object] = {}
_MEDIA = tuple(found.media_type for found in FORMATS)
_OFFSET = "How many bytes are there."
_UPLOADED = answer("The upload.", ref("Upload"), Upload_Offset=_OFFSET)
_NUMBER = {"type": "number"}
_TILE = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,7})$"}
_KNOWN = in_header("If-None-Match", "An ETag that the client has.", {"type": "string"})
_UNCHANGED = {304: answer("The client has it.")}

UPLOADS: Paths = {
    "/uploads": {
        "post": operation(
            "Send an image as the body, or begin with an empty body and Upload-Length",
            {201: answer("The upload.", ref("Upload"), Location="The path of the upload.", Upload_Offset=_OFFSET)},
            (413, 415, 422, 507),
            parameters=[
                in_header(
                    "Upload-Length", "The bytes that PATCH will append; with an empty body.", _BYTES | {"minimum": 1}
                ),
                in_header("X-Filename", "What to call it.", {"type": "string"}),
            ],
            body=body(_BINARY, *_MEDIA, required=False),
        )
    },
    "/uploads/{upload_id}": {
        "get": operation("Look at an upload", {200: _UPLOADED}, parameters=[_UPLOAD]),
        "head": operation(
            "Ask for Upload-Offset", {200: answer("No body.", Upload_Offset=_OFFSET)}, parameters=[_UPLOAD]
        ),
        "patch": operation(
            "Append bytes at Upload-Offset",
            {
                200: answer("The upload, complete.", ref("Upload"), Upload_Offset=_OFFSET),
                204: answer("More is missing.", Upload_Offset=_OFFSET),
            },
            (409, 413, 415, 422, 507),
            parameters=[_UPLOAD, in_header("Upload-Offset", "Where these bytes begin.", _BYTES, required=True)],
            body=body(_BINARY, "application/octet-stream", "application/offset+octet-stream"),
        ),
        "delete": operation("Remove an upload", {204: answer("Removed.")}, (409,), parameters=[_UPLOAD]),
    },
}
MAPS: Paths = {
    "/maps/{job_id}/{name}": {
        "get": operation(
            "A file of a map, whole or in parts",
            {
                200: answer("The file.", _ANYTHING, "*/*", ETag="Its version."),
                206: answer("The parts of Range.", _ANYTHING, "*/*"),
                **_UNCHANGED,
            },
            (416,),
            parameters=[
                _MAP,
                {**in_path("name", "The file."), "schema": {"type": "string", "enum": list(FILES)}},
                in_header("Range", "bytes=FIRST-LAST", {"type": "string"}),
                _KNOWN,
            ],
        )
    },
    "/maps/{job_id}/point": {
        "get": operation(
            "Class and confidence of a full-resolution pixel",
            {200: answer("The pixel.", ref("Point"))},
            parameters=[
                _MAP,
                in_query("x", "In the map's CRS; a column where it has none.", _NUMBER, required=True),
                in_query("y", "In the map's CRS; a row where it has none.", _NUMBER, required=True),
            ],
        )
    },
    "/maps/{job_id}/tiles/{z}/{x}/{y}.png": {
        "get": operation(
            "A tile of Web Mercator",
            {200: answer("The tile.", _BINARY, "image/png"), **_UNCHANGED},
            parameters=[_MAP, *({**in_path(name, "Of the tile."), "schema": _TILE} for name in "zxy"), _KNOWN],
        )
    },
    "/maps/{job_id}/tilejson.json": {
        "get": operation("The tiles as TileJSON", {200: answer("It.", {"type": "object"})}, parameters=[_MAP])
    },
    "/maps/{job_id}/wmts.xml": {
        "get": operation(
            "The tiles as WMTS",
            {200: answer("The capabilities.", {"type": "string"}, "application/xml")},
            parameters=[_MAP],
        )
    },
    "/maps/{job_id}/suggestions": {
        "get": operation(
            "What to correct",
            {
                200: answer("Boxes and polygons.", ref("FeatureCollection"), GEOJSON),
                202: answer("The job that finds it out.", {"type": "object"}, Location="The path of the job."),
                304: answer("The client has it."),
                206: answer("The parts of Range.", _ANYTHING, "*/*"),
            },
            (409, 416, 507),
            parameters=[_MAP],
        )
    },
    "/maps/{job_id}/corrections": {
        "get": operation(
            "The corrections that are kept",
            {
                200: answer("Polygons.", ref("FeatureCollection"), GEOJSON),
                206: answer("Parts.", _ANYTHING, "*/*"),
                **_UNCHANGED,
            },
            (416,),
            parameters=[_MAP],
        ),
        "put": operation(
            "Keep corrections in place of earlier ones; a collection without features removes them",
            {200: answer("How many polygons each class has.", {"type": "object"}, ETag="Of what is kept now.")},
            (412, 413, 415, 422, 507),
            parameters=[_MAP, in_header("If-Match", "The ETag of the corrections to replace.", {"type": "string"})],
            body=body(ref("Polygons"), GEOJSON, JSON),
        ),
    },
}
