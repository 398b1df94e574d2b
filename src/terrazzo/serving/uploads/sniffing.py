"""The formats that are taken, and the one of a file by its first bytes.

Law: the stated media type and the content must agree. Each media type is decoded by one library and one format of it.
"""

from dataclasses import dataclass

from terrazzo.pixels.signatures import BMP, JPEG, PNG, RIFF, TIFF
from terrazzo.serving.uploads.errors import ContentError, MediaTypeError

START_BYTES = 64
"""How many first bytes are looked at."""
_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""Sizes of the header that follows a BMP's file header, one for each version of the format."""


@dataclass(frozen=True)
class Format:
    """A kind of image file."""

    media_type: str
    suffix: str
    driver: str
    """The name of the format in GDAL, or in Pillow for a photo."""
    is_photo: bool
    """Whether Pillow decodes it. Otherwise GDAL does."""


FORMATS = (
    Format("image/tiff", ".tif", "GTiff", False),
    Format("image/jpeg", ".jpg", "JPEG", True),
    Format("image/png", ".png", "PNG", True),
    Format("image/webp", ".webp", "WEBP", True),
    Format("image/bmp", ".bmp", "BMP", True),
    Format("image/jp2", ".jp2", "JP2OpenJPEG", False),
)
_BY_TYPE = {found.media_type: found for found in FORMATS}


def format_of_type(content_type: str | None) -> Format:
    """The format of a Content-Type; its parameters are ignored. Raises MediaTypeError for all others."""
    stated = (content_type or "").partition(";")[0].strip().lower()
    if stated in _BY_TYPE:
        return _BY_TYPE[stated]
    found = f"Content-Type {stated[:80]}: is not taken" if stated else "Content-Type: is missing"
    raise MediaTypeError(f"{found}; expected {', '.join(_BY_TYPE)}, with the file itself as the body")


def format_of_content(start: bytes) -> Format | None:
    """The format of a file by its first `START_BYTES` bytes; None if it is none of those that are taken."""
    signs = {
        "image/tiff": start.startswith(TIFF),
        "image/jpeg": start.startswith(JPEG),
        "image/png": start.startswith(PNG),
        "image/webp": start.startswith(RIFF) and start[8:12] == b"WEBP",
        "image/bmp": start.startswith(BMP) and int.from_bytes(start[14:18], "little") in _BMP_HEADERS,
        "image/jp2": start.startswith(_JP2),
    }
    return next((_BY_TYPE[media_type] for media_type, is_it in signs.items() if is_it), None)


def refuse_other_content(start: bytes, stated: Format, where: str) -> None:
    """Raise ContentError, naming `where`, unless the first bytes are those of the stated format."""
    found = format_of_content(start)
    if found == stated:
        return
    if not start:
        raise ContentError(f"{where}: is empty (0 bytes); send the file itself as the body")
    if found is None:
        raise ContentError(f"{where}: its content is no image that is taken; expected {', '.join(_BY_TYPE)}")
    raise ContentError(
        f"{where}: was sent as {stated.media_type} but its content is {found.media_type}; "
        f"send it with Content-Type: {found.media_type}"
    )
