"""Finished maps over HTTP: the STAC item of a job, files, points, tiles, suggestions and corrections.

Every answer may be kept by the client but is asked for again (`no-cache`), as who is logged in may change. A map that
belongs to another token is not there: 404, as for an id that no map has.
"""

import re
from pathlib import Path
from threading import Lock

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from terrazzo.serving.http.bodies import body_of, refuse_type
from terrazzo.serving.http.jobs import own_job
from terrazzo.serving.http.problems import Problem
from terrazzo.serving.http.site import Site, caller_of, site_of
from terrazzo.serving.jobs.job import SUGGEST, Job, Status
from terrazzo.serving.results.addresses import Addresses
from terrazzo.serving.results.corrections import MOST_BYTES, Corrections, kept_corrections, read_corrections
from terrazzo.serving.results.files import FILES, JSON
from terrazzo.serving.results.finished import FinishedMap, find_map
from terrazzo.serving.results.footprint import Footprint, footprint
from terrazzo.serving.results.points import read_point
from terrazzo.serving.results.ranges import RangeError, is_range
from terrazzo.serving.results.stac import stac_item
from terrazzo.serving.results.suggesting import suggesting_job
from terrazzo.serving.results.tilejson import tilejson
from terrazzo.serving.results.tiles import Tile, Tiling, draw_tile, tiling_of
from terrazzo.serving.results.wmts import capabilities
from terrazzo.system.files import digest, write_json

GEOJSON = "application/geo+json"
NOT_READY = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/result-not-ready"
"""The type of problem that OGC API - Processes, Part 1 (18-062r2, 7.13) names."""
_COUNT = re.compile(r"0|[1-9][0-9]{0,7}")
_HEADERS = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
_KEEPING = Lock()


def results(request: Request) -> Response:
    """The STAC item of a job's map; of a job that suggests, the suggestions."""
    site, job = site_of(request), _job(request)
    if job.status is Status.FAILED:
        raise Problem(409, "The job failed", job.message or f"{job.id}: the job failed")
    if job.status is not Status.SUCCESSFUL:
        detail = f"{job.id}: the job is {job.status}, not successful; see GET /jobs/{job.id}"
        raise Problem(404, "The results are not there", detail, type=NOT_READY)
    if job.process == SUGGEST:
        return _geojson(request, site.folder.suggestions(job.inputs["map"]))
    finished = _finished(site, job.id)
    item = stac_item(job, finished, Addresses(job.id, site.settings.root_path))
    return JSONResponse(item, headers=_HEADERS, media_type=GEOJSON)


def file(request: Request) -> Response:
    """A file of a map: whole, or in parts by Range."""
    finished = _map(request)
    known = FILES.get(request.path_params["name"])
    if known is None or not (path := finished.file(known.name)).is_file():
        raise Problem(404, "", f"the map has no such file; expected one of {', '.join(FILES)}")
    return _file(request, path, known.media_type, filename=known.name)


def point(request: Request) -> Response:
    """Class and confidence of the full-resolution pixel at x, y in the map's CRS, or in pixels where it has none."""
    finished = _map(request)
    x, y = _number(request, "x"), _number(request, "y")
    found = read_point(finished, x, y)
    if found is None:
        size = f"{finished.raster.width} x {finished.raster.height} pixels"
        words = "its CRS" if finished.crs is not None else "column and row from the top left"
        raise Problem(404, "", f"x={x:g} y={y:g}: lies outside the map of {size}; expected x and y in {words}")
    named = found.found and {"id": found.found.id, "name": found.found.name}
    answer = {"x": x, "y": y, "row": found.row, "col": found.col, "class": named, "confidence": found.confidence}
    return JSONResponse(answer, headers=_HEADERS)


def tile(request: Request) -> Response:
    """A tile of Web Mercator as PNG."""
    finished = _map(request)
    words = [request.path_params[name] for name in ("z", "x", "y")]
    wanted = Tile(*map(int, words)) if all(_COUNT.fullmatch(word) for word in words) else None
    tiling, _ = _placed(finished)
    if wanted is None or not wanted.exists:
        raise Problem(404, "", f"{'/'.join(words)[:60]}: is no tile of Web Mercator; see tilejson.json for the zooms")
    version = _version(Path(str(finished.raster.path)))
    headers = {**_HEADERS, "ETag": f'"{digest("tile", version, "/".join(words))}"'}
    if _is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(draw_tile(finished, tiling, wanted), headers=headers, media_type="image/png")


def tilejson_of(request: Request) -> Response:
    """The tiles as TileJSON."""
    finished = _map(request)
    return JSONResponse(tilejson(finished, *_placed(finished), _whole(request)), headers=_HEADERS)


def wmts(request: Request) -> Response:
    """The tiles as WMTS capabilities."""
    finished = _map(request)
    document = capabilities(finished, *_placed(finished), _whole(request))
    return Response(document, headers=_HEADERS, media_type="application/xml")


def suggestions(request: Request) -> Response:
    """What to correct; 202 with the job that finds it out, until it has ended."""
    site, finished = site_of(request), _map(request)
    path = site.folder.suggestions(finished.job_id)
    if path.is_file():
        return _geojson(request, path)
    job = suggesting_job(site.jobs, finished.job_id, _owner(site, finished.job_id))
    if job.status is Status.FAILED:
        detail = f"{job.message or 'the job failed'}; to try again, DELETE /jobs/{job.id} first"
        raise Problem(409, "No suggestions", detail)
    where = site.path(f"/jobs/{job.id}")
    content = {"jobID": job.id, "status": str(job.status), "progress": job.progress}
    return JSONResponse(content, 202, headers={**_HEADERS, "Location": where})


def corrections(request: Request) -> Response:
    """The corrections that are kept; none is a collection without features."""
    path = site_of(request).folder.corrections(_map(request).job_id)
    if path.is_file():
        return _geojson(request, path)
    headers = {**_HEADERS, "ETag": _etag(path)}
    return JSONResponse(Corrections(()).geojson(), headers=headers, media_type=GEOJSON)


async def put_corrections(request: Request) -> Response:
    """Keep corrections in place of earlier ones, or none; how many polygons each class has.

    With If-Match only if they are still those of that ETag: 412 otherwise, so that two windows lose nothing of each
    other's (RFC 9110, 13.1.1).
    """
    finished = await run_in_threadpool(_map, request)
    refuse_type(request, (GEOJSON, JSON))
    body = await body_of(request, MOST_BYTES)
    path = site_of(request).folder.corrections(finished.job_id)
    kept, etag = await run_in_threadpool(_keep, path, finished, body, request.headers.get("if-match"))
    content = {"polygons": len(kept.polygons), "classes": kept.by_class()}
    return JSONResponse(content, headers={**_HEADERS, "ETag": etag})


def _keep(path: Path, finished: FinishedMap, body: bytes, expected: str | None) -> tuple[Corrections, str]:
    """What is kept now, and its ETag. No other request comes between the look at If-Match and the writing."""
    given = read_corrections(body, finished)
    with _KEEPING:
        if expected is not None and expected.strip() not in ("*", _etag(path)):
            detail = "the corrections were changed since they were read, as in another window; read them again"
            raise Problem(412, "The corrections were changed", detail)
        found = given.in_place_of(kept_corrections(path))
        if found.polygons:
            write_json(path, found.geojson())
        else:
            path.unlink(missing_ok=True)
        return found, _etag(path)


def _job(request: Request) -> Job:
    """The job that the address names. Raises Problem 404 where it is not the caller's."""
    return own_job(site_of(request), caller_of(request), request.path_params["job_id"])


def _map(request: Request) -> FinishedMap:
    """The map that the address names. Raises Problem 404 where it is not the caller's, or not finished."""
    return _finished(site_of(request), _job(request).id)


def _finished(site: Site, job_id: str) -> FinishedMap:
    found = find_map(site.folder, job_id)
    if found is None:
        raise Problem(404, "", f"{job_id}: has no finished map; see GET /jobs/{job_id}")
    return found


def _owner(site: Site, job_id: str) -> str:
    job = site.jobs.get(job_id)
    return job.owner if job else ""


def _placed(finished: FinishedMap) -> tuple[Tiling, Footprint]:
    """The tiles and the outline. Raises Problem 404 where the map has no place in Web Mercator."""
    tiling, place = tiling_of(finished), footprint(finished)
    if tiling is None or place is None:
        lacks = "has no coordinate reference system" if finished.ground is None else "lies beyond 85 degrees"
        raise Problem(404, "", f"the map {lacks}, so that it has no tiles; open its classes.tif instead")
    return tiling, place


def _whole(request: Request) -> Addresses:
    """Addresses for other programs, by the scheme and host of the request."""
    root = f"{request.url.scheme}://{request.url.netloc}{site_of(request).settings.root_path}"
    return Addresses(request.path_params["job_id"], root)


def _number(request: Request, name: str) -> float:
    """A coordinate in the query. Raises Problem 400."""
    text = request.query_params.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise Problem(400, "", f"{name}={text[:40]}: is no number; expected ?x=NUMBER&y=NUMBER")
    return value


def _geojson(request: Request, path: Path) -> Response:
    if not path.is_file():
        raise Problem(404, "", "the suggestions have been cleared away; ask for them again at the map")
    return _file(request, path, GEOJSON)


def _file(request: Request, path: Path, media_type: str, filename: str | None = None) -> Response:
    """A file with a strong ETag; as an attachment where it has a file name."""
    headers = {**_HEADERS, "ETag": _etag(path)}
    if _is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    asked, size = request.headers.get("range"), path.stat().st_size
    try:
        if asked is not None and not is_range(asked, size):
            request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
    except RangeError as error:
        raise Problem(416, "", str(error), headers={"Content-Range": f"bytes */{size}"}) from error
    return FileResponse(path, headers=headers, media_type=media_type, filename=filename, stat_result=path.stat())


def _etag(path: Path) -> str:
    """The strong ETag of a file, or of there being none."""
    return f'"{digest("file", _version(path))}"' if path.is_file() else '"none"'


def _version(path: Path) -> str:
    """What changes with a file: files are replaced by renaming, so that each version is a file of its own."""
    found = path.stat()
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def _is_known(request: Request, etag: str) -> bool:
    """Whether If-None-Match names this version (RFC 9110, 13.1.2)."""
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or etag in (each.strip().removeprefix("W/") for each in known.split(","))


_MAP = "/maps/{job_id}"
ROUTES = [
    Route("/jobs/{job_id}/results", results),
    Route(f"{_MAP}/point", point),
    Route(f"{_MAP}/tiles/{{z}}/{{x}}/{{y}}.png", tile),
    Route(f"{_MAP}/tilejson.json", tilejson_of),
    Route(f"{_MAP}/wmts.xml", wmts),
    Route(f"{_MAP}/suggestions", suggestions),
    Route(f"{_MAP}/corrections", corrections),
    Route(f"{_MAP}/corrections", put_corrections, methods=["PUT"]),
    Route(f"{_MAP}/{{name}}", file),
]
