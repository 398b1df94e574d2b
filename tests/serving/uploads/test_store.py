"""Uploads on disk: resumed to the same SHA-256, bounded, and gone where they are refused."""

import errno
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from terrazzo.serving.folder import DataFolder
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads import store as module
from terrazzo.serving.uploads.errors import (
    ContentError,
    DiskFullError,
    MediaTypeError,
    OffsetError,
    TooLargeError,
    UnknownUploadError,
)
from terrazzo.serving.uploads.store import UploadStore
from tests.worlds.hostile import photo

RAW = photo("PNG")
SHA256 = hashlib.sha256(RAW).hexdigest()
HALF = len(RAW) // 2
Open = Callable[..., UploadStore]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """A store of the same folder, opened anew at each call as after a restart."""
    settings = Settings(models=tmp_path, data=DataFolder(tmp_path / "data"))
    return lambda **limits: UploadStore(settings.data, replace(settings, **limits))


@pytest.fixture
def unprobed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every content passes; for what is not about content."""
    monkeypatch.setattr(module, "refuse", lambda upload, settings: {"driver": "PNG"})


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_an_upload_cut_at_half_and_resumed_after_a_restart_has_the_same_sha256(opened: Open) -> None:
    store = opened()
    upload = store.create("image/png", "ann", len(RAW), "a.png")
    assert store.append(upload.id, 0, RAW[:HALF]) == HALF
    store = opened()
    there = store.get(upload.id)
    assert there is not None
    assert (there.offset, there.length, there.complete, there.owner) == (HALF, len(RAW), False, "ann")
    store.append(upload.id, HALF, RAW[HALF:])
    done = store.finish(upload.id)
    assert (done.complete, done.sha256, done.length, done.name) == (True, SHA256, len(RAW), "a.png")
    assert done.header == {"width": 51, "height": 37, "bands": 3, "dtype": "uint8", "crs": None, "driver": "PNG"}
    assert done.path.read_bytes() == RAW
    assert opened().get(upload.id) == done


@pytest.mark.usefixtures("unprobed")
def test_sha256_is_the_same_whether_counted_on_the_way_or_read_anew(opened: Open) -> None:
    store = opened()
    upload = store.create("image/png", "", len(RAW))
    for at in range(0, len(RAW), 1000):
        store.append(upload.id, at, RAW[at : at + 1000])
    assert store.finish(upload.id).sha256 == SHA256


@pytest.mark.usefixtures("unprobed")
def test_what_is_taken_back_and_sent_again_is_counted_once(opened: Open) -> None:
    store = opened()
    upload = store.create("image/png", "", len(RAW))
    store.append(upload.id, 0, RAW[:HALF])
    store.append(upload.id, HALF, b"wrong")
    store.cut(upload.id, HALF)
    store.append(upload.id, HALF, RAW[HALF:])
    assert store.finish(upload.id).sha256 == SHA256


def test_finishing_twice_changes_nothing_and_nothing_is_appended_afterwards(opened: Open) -> None:
    store = opened()
    upload = store.create("image/png", "")
    store.append(upload.id, 0, RAW)
    done = store.finish(upload.id)
    assert store.finish(upload.id) == done
    with pytest.raises(OffsetError, match="is complete"):
        store.append(upload.id, len(RAW), b"more")


def test_bytes_for_another_place_are_refused_with_the_place_to_go_on_from(opened: Open) -> None:
    store = opened()
    upload = store.create("image/png", "", 100, "a.png")
    store.append(upload.id, 0, bytes(40))
    for offset in (0, 39, 41, 100):
        with pytest.raises(OffsetError, match=r"^a\.png: holds 40 bytes, not .*; go on from Upload-Offset: 40") as met:
            store.append(upload.id, offset, b"x")
        assert met.value.offset == 40
    with pytest.raises(OffsetError):
        store.finish(upload.id)


def test_of_twenty_that_append_at_once_one_wins(opened: Open) -> None:
    store = opened()
    upload = store.create("image/png", "", 100)
    start, met = threading.Barrier(20), list[type[Exception] | None]()

    def send(letter: int) -> None:
        start.wait()
        try:
            store.append(upload.id, 0, bytes([letter]) * 10)
            met.append(None)
        except OffsetError as error:
            met.append(type(error))

    threads = [threading.Thread(target=send, args=(letter,)) for letter in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, met)) == sorted(map(str, [None, *[OffsetError] * 19]))
    raw = upload.path.read_bytes()
    assert raw == raw[:1] * 10


def test_one_byte_past_the_stated_length_or_the_cap_is_refused_and_changes_nothing(opened: Open) -> None:
    store = opened(max_upload=100)
    with pytest.raises(TooLargeError, match=r"101 bytes; at most 100 are taken \(--max-upload\)"):
        store.create("image/png", "", 101)
    stated, unstated = store.create("image/png", "", 50), store.create("image/png", "")
    store.append(stated.id, 0, bytes(50))
    store.append(unstated.id, 0, bytes(100))
    with pytest.raises(TooLargeError, match=r"51 bytes; at most 50 are taken \(Upload-Length\)"):
        store.append(stated.id, 50, b"x")
    with pytest.raises(TooLargeError, match="--max-upload"):
        store.append(unstated.id, 100, b"x")
    assert (stated.path.stat().st_size, unstated.path.stat().st_size) == (50, 100)


@pytest.mark.parametrize(
    ("media_type", "raw"), [("image/png", b""), ("image/png", RAW[:HALF]), ("image/jpeg", RAW), ("image/tiff", b"<x/>")]
)
def test_content_that_cannot_be_used_is_removed(opened: Open, tmp_path: Path, media_type: str, raw: bytes) -> None:
    store = opened()
    upload = store.create(media_type, "")
    store.append(upload.id, 0, raw)
    with pytest.raises(ContentError):
        store.finish(upload.id)
    assert store.get(upload.id) is None
    assert files(tmp_path) == []


def test_a_media_type_that_is_not_taken_leaves_nothing(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(MediaTypeError):
        opened().create("text/html", "")
    assert files(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_full_disk_removes_the_partial_file_and_the_next_upload_goes_on(opened: Open, tmp_path: Path) -> None:
    import resource

    store = opened()
    upload = store.create("image/png", "", len(RAW))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # the 1001st byte of any file fails, as on a full disk
    try:
        with pytest.raises(DiskFullError, match=r"^--data: the disk is full \(File too large\); free some space"):
            store.append(upload.id, 0, RAW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(tmp_path) == []
    with pytest.raises(UnknownUploadError):
        store.append(upload.id, 0, b"x")
    again = store.create("image/png", "", len(RAW))
    store.append(again.id, 0, RAW)
    assert store.finish(again.id).sha256 == SHA256


def test_an_upload_that_the_disk_has_no_room_to_begin_leaves_nothing(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "write_json", full)
    with pytest.raises(DiskFullError, match="No space left on device"):
        opened().create("image/png", "")
    assert files(tmp_path) == []


def test_beyond_the_quota_new_uploads_are_refused_and_a_started_one_is_removed(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "data" / "maps").mkdir(parents=True)
    (tmp_path / "data" / "maps" / "a.tif").write_bytes(bytes(5000))
    store = opened(quota=6000)
    with pytest.raises(DiskFullError, match=r"^--quota: 5000 bytes of 6000 bytes are used"):
        store.create("image/png", "", 1001)
    upload = store.create("image/png", "")
    with pytest.raises(DiskFullError, match="--quota"):
        store.append(upload.id, 0, bytes(1001))
    assert store.get(upload.id) is None
    (tmp_path / "data" / "maps" / "a.tif").unlink()
    store.create("image/png", "", 5000)


@pytest.mark.parametrize("upload_id", ["", "..", "../../etc", "0" * 31, "0" * 32, "G" * 32, "0" * 32 + "/x"])
def test_what_is_no_id_of_an_upload_is_none(opened: Open, upload_id: str) -> None:
    assert opened().get(upload_id) is None


def test_an_upload_is_listed_until_it_is_removed_and_removing_it_again_does_nothing(opened: Open) -> None:
    store = opened()
    assert store.uploads() == []
    upload = store.create("image/webp", "")
    assert [found.id for found in store.uploads()] == [upload.id]
    store.remove(upload.id)
    store.remove(upload.id)
    assert store.uploads() == []
    assert not upload.path.parent.exists()


def test_no_name_of_a_client_is_part_of_a_path(opened: Open) -> None:
    upload = opened().create("image/tiff", "", None, "../../x.vrt")
    assert (upload.path.name, upload.path.parent.name) == ("body.tif", upload.id)
