"""`/uploads`: a file in one request, or in pieces that can be resumed.

The body is the file itself, streamed to disk: memory holds one piece of 1 MB a request. Files are opened by a probe,
never here.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.to_thread import run_sync
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from terrazzo.serving.http.problems import Problem
from terrazzo.serving.http.site import Site, caller_of, site_of
from terrazzo.serving.jobs.job import ENDED
from terrazzo.serving.uploads.errors import (
    ContentError,
    MediaTypeError,
    OffsetError,
    TooLargeError,
    UnknownUploadError,
    UploadError,
)
from terrazzo.serving.uploads.needed import uploads_of
from terrazzo.serving.uploads.probing import AT_ONCE
from terrazzo.serving.uploads.sniffing import FORMATS
from terrazzo.serving.uploads.store import UploadStore
from terrazzo.serving.uploads.titles import title_of
from terrazzo.serving.uploads.upload import Upload

MB = 1 << 20
PIECE = 1 * MB
"""Bytes that are written at a time."""
_DRAINED, _DRAIN_S = 16 * MB, 5.0
"""How much of a refused body is still read, so that a client that is busy sending sees the answer."""
_DIGITS = re.compile(r"[0-9]{1,18}")
_PIECES = ("", "application/octet-stream", "application/offset+octet-stream", *(found.media_type for found in FORMATS))
"""Content-Types of PATCH. Forms are none of them: any page may send those."""


async def create(request: Request) -> Response:
    """POST /uploads: the file as the body, or an empty body and Upload-Length."""
    async with _refusing(request):
        site, headers = site_of(request), request.headers
        is_chunked = "transfer-encoding" in headers  # then Content-Length means nothing (RFC 9112, 6.3)
        stated = None if is_chunked else _number(request, "content-length")
        length = _number(request, "upload-length")
        is_empty = stated == 0 or (stated is None and not is_chunked)
        if headers.get("content-encoding", "identity") != "identity":
            raise MediaTypeError("Content-Encoding: is not taken; send the file as it is")
        if length is not None and not is_empty:
            raise Problem(400, "", "Upload-Length: expected an empty body with it; append the bytes with PATCH")
        if length == 0 or (length is None and is_empty):
            raise ContentError("the upload: is empty (0 bytes); send the file as the body, or Upload-Length and PATCH")
        name = title_of(headers.get("x-filename"), headers.get("content-disposition"))
        store: UploadStore = site.uploads
        owner = caller_of(request).name
        media_type = headers.get("content-type", "")
        upload = await run_sync(lambda: store.create(media_type, owner, stated if length is None else length, name))
        if length is None:
            try:
                await _receive(request, store, upload.id, 0)
                upload = await _finish(request, store, upload.id)
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await run_sync(store.remove, upload.id)
                raise
        place = site.path(f"/uploads/{upload.id}")
        return JSONResponse(described(upload, site), 201, {"Location": place, **_offsets(upload)})


async def append(request: Request) -> Response:
    """PATCH /uploads/{id}: bytes at Upload-Offset. With the last one the content is checked."""
    async with _refusing(request):
        site, store = site_of(request), site_of(request).uploads
        upload = await _own(request)
        start = _number(request, "upload-offset")
        if start is None:
            raise Problem(
                400, "", "Upload-Offset: is missing; expected the number of bytes that are there (ask by HEAD)"
            )
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in _PIECES:
            raise MediaTypeError(f"Content-Type {content_type[:80]}: is not taken; expected {_PIECES[1]}")
        if start != upload.offset:
            raise OffsetError(
                f"Upload-Offset {start}: the upload holds {upload.offset} bytes; go on from there", upload.offset
            )
        if upload.complete:
            refuse_more = (_number(request, "content-length") or 0) > 0
            if refuse_more:
                raise TooLargeError(f"the upload: is complete with its {upload.offset} bytes; send no more")
            return JSONResponse(described(upload, site), headers=_offsets(upload))
        most = upload.length if upload.length is not None else site.settings.max_upload
        if start + (_number(request, "content-length") or 0) > most:
            raise TooLargeError(f"the upload: would hold more than the {most} bytes that were stated; send fewer")
        try:
            end = await _receive(request, store, upload.id, start)
        except TooLargeError:
            await run_sync(store.cut, upload.id, start)
            raise
        if upload.length is not None and end >= upload.length:
            upload = await _finish(request, store, upload.id)
            return JSONResponse(described(upload, site), headers=_offsets(upload))
        return Response(status_code=204, headers={"Upload-Offset": str(end)})


async def show(request: Request) -> Response:
    """GET and HEAD /uploads/{id}: what is there, and Upload-Offset and Upload-Length."""
    upload = await _own(request)
    headers = {**_offsets(upload), "Cache-Control": "no-store"}
    return JSONResponse(described(upload, site_of(request)), headers=headers)


async def remove(request: Request) -> Response:
    """DELETE /uploads/{id}; 409 while a job that has not ended needs it."""
    upload, site = await _own(request), site_of(request)
    using = await run_sync(_using, site, upload.id)
    if using is not None:
        raise Problem(409, "", f"the upload: job {using} still needs it; dismiss the job first")
    await run_sync(site.uploads.remove, upload.id)
    return Response(status_code=204)


def _using(site: Site, upload_id: str) -> str | None:
    """The id of a job that has not ended and needs the upload; None if there is none."""
    waiting = (job for job in site.jobs.jobs() if job.status not in ENDED)
    return next((job.id for job in waiting if upload_id in uploads_of(site.folder, job)), None)


def described(upload: Upload, site: Site) -> dict[str, Any]:
    """An upload as JSON."""
    return {
        "id": upload.id,
        "href": site.path(f"/uploads/{upload.id}"),
        "media_type": upload.media_type,
        "name": upload.name,
        "offset": upload.offset,
        "length": upload.length,
        "complete": upload.complete,
        "sha256": upload.sha256,
        "header": upload.header,
        "created": upload.created,
    }


async def _receive(request: Request, store: UploadStore, upload_id: str, offset: int) -> int:
    """Write the body as it comes; the new end. What came before a connection broke is kept."""
    piece = bytearray()
    try:
        async for part in request.stream():
            piece += part
            if len(piece) >= PIECE:
                offset = await run_sync(store.append, upload_id, offset, bytes(piece))
                piece.clear()
    except ClientDisconnect:
        with anyio.CancelScope(shield=True):
            await run_sync(store.append, upload_id, offset, bytes(piece))
        raise
    return await run_sync(store.append, upload_id, offset, bytes(piece)) if piece else offset


async def _finish(request: Request, store: UploadStore, upload_id: str) -> Upload:
    """The checked upload. A few probes run at a time, and the others wait without a thread."""
    state = request.app.state
    if not hasattr(state, "probes"):
        state.probes = anyio.CapacityLimiter(AT_ONCE)
    return await run_sync(store.finish, upload_id, limiter=state.probes)


async def _own(request: Request) -> Upload:
    """The caller's upload that the address names. Raises UnknownUploadError for another's, too."""
    upload_id = request.path_params["upload_id"]
    upload: Upload | None = await run_sync(site_of(request).uploads.get, upload_id)
    if upload is None or not caller_of(request).may_see(upload.owner):
        raise UnknownUploadError(f"upload {upload_id[:40]!r}: there is none; send the file again")
    return upload


@asynccontextmanager
async def _refusing(request: Request) -> AsyncIterator[None]:
    """Refusals with the headers that belong to them, after some of the body that is on its way."""
    try:
        yield
    except (UploadError, Problem) as error:
        await _drain(request)
        if isinstance(error, OffsetError):
            headers = {"Upload-Offset": str(error.offset)}
            raise Problem(error.status, "", str(error), headers=headers, offset=error.offset) from error
        if isinstance(error, MediaTypeError):
            headers = {"Accept-Post": ", ".join(found.media_type for found in FORMATS)}
            raise Problem(error.status, "", str(error), headers=headers) from error
        raise
    except ClientDisconnect:
        raise Problem(400, "", "the connection broke before the body was whole; send it again") from None


async def _drain(request: Request) -> None:
    """Read a bounded rest of the body. Clients that wait for `100 Continue` have sent none."""
    if "expect" in request.headers:
        return
    seen = 0
    with anyio.move_on_after(_DRAIN_S):
        try:
            async for part in request.stream():
                seen += len(part)
                if seen > _DRAINED:
                    return
        except (ClientDisconnect, RuntimeError):  # the client left, or the body was read to its end already
            return


def _number(request: Request, header: str) -> int | None:
    """A header that holds a whole number; None if it is missing. Raises Problem 400."""
    found = request.headers.get(header)
    if found is None:
        return None
    if not _DIGITS.fullmatch(found.strip()):
        raise Problem(400, "", f"{header.title()} {found[:40]}: expected a whole number of bytes")
    return int(found)


def _offsets(upload: Upload) -> dict[str, str]:
    length = {} if upload.length is None else {"Upload-Length": str(upload.length)}
    return {"Upload-Offset": str(upload.offset), **length}


ROUTES = [
    Route("/uploads", create, methods=["POST"]),
    Route("/uploads/{upload_id}", append, methods=["PATCH"]),
    Route("/uploads/{upload_id}", show, methods=["GET", "HEAD"]),
    Route("/uploads/{upload_id}", remove, methods=["DELETE"]),
]
