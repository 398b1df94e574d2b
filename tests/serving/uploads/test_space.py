"""What is left of a quota and of a disk."""

import errno
from pathlib import Path

import pytest

from terrazzo.serving.uploads.errors import DiskFullError
from terrazzo.serving.uploads.space import Space, room, used


def test_used_counts_the_files_of_all_folders(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "one").write_bytes(bytes(10))
    (tmp_path / "a" / "b" / "two").write_bytes(bytes(7))
    assert used(tmp_path) == 17
    assert used(tmp_path / "absent") == 0


def test_a_quota_counts_what_was_there_and_what_is_taken(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(bytes(60))
    space = Space(tmp_path, 100)
    space.take(30)
    with pytest.raises(DiskFullError, match=r"^--quota: 90 bytes of 100 bytes are used.* 11 bytes more; delete maps"):
        space.take(11)


def test_what_was_removed_is_noticed_at_the_try_after_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(bytes(100))
    space = Space(tmp_path, 100)
    with pytest.raises(DiskFullError):
        space.refuse(0)  # beyond the quota not even an upload of unknown length begins
    (tmp_path / "there").unlink()
    space.take(100)


def test_looking_takes_nothing(tmp_path: Path) -> None:
    space = Space(tmp_path, 100)
    space.refuse(100)
    space.refuse(100)
    space.take(100)


def test_more_than_the_disk_has_free_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match=r"^--data: \d+ MB are free on the disk, .* are needed"):
        Space(tmp_path / "not" / "made", None).refuse(1 << 60)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_errors_of_a_full_disk_are_told_as_such_and_no_others(number: int) -> None:
    with pytest.raises(DiskFullError, match="the disk is full"), room():
        raise OSError(number, "full")
    with pytest.raises(PermissionError), room():
        raise PermissionError(errno.EACCES, "no")
