"""The refusals of an upload. Each has the status by which HTTP answers; its text is one line."""

from typing import ClassVar

from terrazzo.errors import InputError


class UploadError(InputError):
    """An upload that is refused."""

    status: ClassVar[int] = 422


class ContentError(UploadError):
    """Bytes that are no image of their media type, or that cannot be decoded."""


class UnknownUploadError(UploadError):
    """An id under which there is no upload."""

    status: ClassVar[int] = 404


class OffsetError(UploadError):
    """Bytes for another place than the end of what is there. `offset` is that end."""

    status: ClassVar[int] = 409

    def __init__(self, line: str, offset: int) -> None:
        super().__init__(line)
        self.offset = offset


class TooLargeError(UploadError):
    """More bytes than `--max-upload` or the stated length, or more pixels than `--max-pixels`."""

    status: ClassVar[int] = 413


class MediaTypeError(UploadError):
    """A Content-Type that is not taken."""

    status: ClassVar[int] = 415


class DiskFullError(UploadError):
    """No room on the disk, or none left of `--quota`."""

    status: ClassVar[int] = 507
