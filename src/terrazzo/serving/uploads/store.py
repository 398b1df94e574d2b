"""Uploads on disk. They survive a restart at any moment, complete or not.

    DATA/uploads/ID/body.tif      the bytes; the suffix is that of the media type
    DATA/uploads/ID/upload.json   everything else

How many bytes are there is the size of the file, so that there is nothing that a crash could leave out of step. Bytes
are taken at that offset alone: of two clients that append at once, one goes on, and the other meets OffsetError.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from terrazzo.serving.folder import DataFolder, is_id, new_id
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads.errors import (
    ContentError,
    DiskFullError,
    OffsetError,
    TooLargeError,
    UnknownUploadError,
    UploadError,
)
from terrazzo.serving.uploads.probing import refuse
from terrazzo.serving.uploads.sniffing import format_of_type
from terrazzo.serving.uploads.space import Space, room
from terrazzo.serving.uploads.upload import Upload
from terrazzo.system.files import read_json, write_json

FACTS = "upload.json"
KEPT = ("owner", "media_type", "length", "complete", "sha256", "name", "header", "created")
"""The fields of an upload that stand in FACTS."""


@dataclass
class _Open:
    """What is known of an upload while it is being sent."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    hasher: Any = field(default_factory=hashlib.sha256)
    hashed: int = 0


class UploadStore:
    """The uploads of one data folder. Every method may be called from any thread."""

    def __init__(self, folder: DataFolder, settings: Settings) -> None:
        self._folder, self._settings = folder, settings
        self._space = Space(folder.root, settings.quota)
        self._lock, self._open = threading.Lock(), dict[str, _Open]()

    def create(self, media_type: str, owner: str, length: int | None = None, name: str | None = None) -> Upload:
        """A new upload with no bytes. Raises MediaTypeError, TooLargeError or DiskFullError."""
        stated = format_of_type(media_type)
        if length is not None:
            self._refuse_length(length, self._settings.max_upload)
        self._space.refuse(length or 0)
        upload_id = new_id()
        path = self._folder.upload(upload_id) / f"body{stated.suffix}"
        created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        upload = Upload(upload_id, owner, stated.media_type, path, 0, length, name=name, created=created)
        try:
            with room():
                path.parent.mkdir(parents=True)
                path.touch()
                self._write(upload)
        except BaseException:
            self.remove(upload_id)
            raise
        return upload

    def append(self, upload_id: str, offset: int, chunk: bytes) -> int:
        """Write bytes at the end, which must be at `offset`; the new end.

        Raises UnknownUploadError, OffsetError or TooLargeError, which change nothing; or DiskFullError, which removes
        the upload.
        """
        with self._held(upload_id) as (upload, state):
            if upload.complete or offset != upload.offset:
                raise _elsewhere(upload, offset)
            most = self._settings.max_upload if upload.length is None else upload.length
            self._refuse_length(offset + len(chunk), most, upload.length is not None)
            try:
                self._space.take(len(chunk))
                with room(), upload.path.open("ab", buffering=0) as stream:
                    left = memoryview(chunk)
                    while left:
                        left = left[stream.write(left) :]
            except DiskFullError:
                self._drop(upload_id)
                raise
            if state.hashed == offset:
                state.hasher.update(chunk)
                state.hashed += len(chunk)
            return offset + len(chunk)

    def cut(self, upload_id: str, offset: int) -> None:
        """Take back what was written past an offset."""
        with self._held(upload_id) as (upload, state):
            if not upload.complete and offset < upload.offset:
                os.truncate(upload.path, offset)
                state.hasher, state.hashed = hashlib.sha256(), 0

    def finish(self, upload_id: str) -> Upload:
        """The complete upload, once its content is checked; calling it again changes nothing.

        Raises OffsetError while bytes are missing. What cannot be used raises ContentError or TooLargeError and is
        removed.
        """
        with self._held(upload_id) as (upload, state):
            if upload.complete:
                return upload
            if upload.length is not None and upload.offset < upload.length:
                raise _elsewhere(upload, upload.length)
            try:
                if not upload.offset:
                    raise ContentError(f"{upload.title}: is empty (0 bytes); send the file itself as the body")
                header = refuse(upload, self._settings)
                sha256 = _sha256(upload, state)
                done = replace(upload, length=upload.offset, complete=True, sha256=sha256, header=header)
                with room():
                    self._write(done)
            except UploadError:
                self._drop(upload_id)
                raise
            with self._lock:
                self._open.pop(upload_id, None)
            return done

    def get(self, upload_id: str) -> Upload | None:
        """An upload; None if there is none under this id."""
        if not is_id(upload_id):
            return None
        folder = self._folder.upload(upload_id)
        facts: Mapping[str, Any] = read_json(folder / FACTS)
        if not facts:
            return None
        path = folder / f"body{format_of_type(facts['media_type']).suffix}"
        try:
            offset = path.stat().st_size
        except OSError:
            return None
        return Upload(id=upload_id, path=path, offset=offset, **{key: facts[key] for key in KEPT})

    def uploads(self) -> list[Upload]:
        """Every upload, complete or not."""
        folder = self._folder.root / "uploads"
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return [upload for name in names if (upload := self.get(name)) is not None]

    def remove(self, upload_id: str) -> None:
        """Remove an upload and its bytes; nothing happens if there is none."""
        state = self._state(upload_id)
        with state.lock:
            self._drop(upload_id)

    @contextmanager
    def _held(self, upload_id: str) -> Iterator[tuple[Upload, _Open]]:
        """An upload that no other thread changes meanwhile. Raises UnknownUploadError."""
        state = self._state(upload_id)
        with state.lock:
            upload = self.get(upload_id)
            if upload is None:
                with self._lock:
                    self._open.pop(upload_id, None)
                raise UnknownUploadError(f"upload {upload_id[:40]}: there is none; send the file again")
            yield upload, state

    def _state(self, upload_id: str) -> _Open:
        with self._lock:
            return self._open.setdefault(upload_id, _Open())

    def _drop(self, upload_id: str) -> None:
        """Remove an upload whose lock is held."""
        shutil.rmtree(self._folder.upload(upload_id), ignore_errors=True)
        with self._lock:
            self._open.pop(upload_id, None)

    def _write(self, upload: Upload) -> None:
        write_json(upload.path.with_name(FACTS), {key: getattr(upload, key) for key in KEPT})

    def _refuse_length(self, length: int, most: int, stated: bool = False) -> None:
        if length > most:
            limit = "Upload-Length" if stated else "--max-upload"
            raise TooLargeError(f"the upload: has at least {length} bytes; at most {most} are taken ({limit})")


def _elsewhere(upload: Upload, offset: int) -> OffsetError:
    found = f"{upload.title}: holds {upload.offset} bytes"
    found = f"{found} and is complete" if upload.complete else found
    return OffsetError(f"{found}, not {offset}; go on from Upload-Offset: {upload.offset}", upload.offset)


def _sha256(upload: Upload, state: _Open) -> str:
    """Of the whole file: as it was counted while it came, or read anew where the server was restarted in between."""
    with upload.path.open("rb+") as stream:
        os.fsync(stream.fileno())
        if state.hashed == upload.offset:
            return str(state.hasher.hexdigest())
        return hashlib.file_digest(stream, "sha256").hexdigest()
