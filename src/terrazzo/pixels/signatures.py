"""What the first bytes of an image file tell: its format, PNG kind and TIFF tags."""

import struct

from terrazzo.errors import ImageError

PNG, BMP, JPEG, RIFF = b"\x89PNG\r\n\x1a\n", b"BM", b"\xff\xd8\xff", b"RIFF"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LFS_POINTER = b"version https://git-lfs"


def refuse_pointer(where: object, start: bytes, what: str) -> None:
    """Raise ImageError if a file's first bytes are a pointer of git-lfs, which stands for a file not fetched yet."""
    if start.startswith(_LFS_POINTER):
        raise ImageError(f"{where}: is a git-lfs pointer, not the {what}; fetch the {what} with git lfs pull")


def png_kind(raw: bytes) -> tuple[int, int] | None:
    """Bits a channel and colour type of a PNG (0: grey, 3: palette, else colours or alpha); None for other formats."""
    return (raw[24], raw[25]) if raw.startswith(PNG) and len(raw) > 25 else None


def tiff_tags(raw: bytes, where: str) -> dict[int, tuple[int, ...]] | None:
    """The whole-number tags of a TIFF's first page; None for other formats. Raises ImageError if it is cut short.

    Pillow's `ImageFileDirectory_v2` (13.0) was tried instead. It fails on BigTIFFs in big-endian order. Of a directory
    that is cut short it returns the tags before the cut, with a warning: a floating-point mask without its last tag,
    SampleFormat, passed for one of ids. Warnings become errors only for a whole process, and images load in threads.
    """
    if not raw.startswith(TIFF):
        return None
    order = "<" if raw[:1] == b"I" else ">"
    big = raw[2:4] in (b"+\0", b"\0+")
    count_code, offset_code, entry_size, first_at = ("Q", "Q", 20, 8) if big else ("H", "I", 12, 4)
    whole = {1: "B", 3: "H", 4: "I", 16: "Q"}
    tags: dict[int, tuple[int, ...]] = {}
    try:
        (start,) = struct.unpack_from(order + offset_code, raw, first_at)
        (n_entries,) = struct.unpack_from(order + count_code, raw, start)
        start += struct.calcsize(count_code)
        for entry in range(start, start + n_entries * entry_size, entry_size):
            tag, kind, n_values = struct.unpack_from(order + "HH" + offset_code, raw, entry)
            if kind not in whole or n_values > 64:
                continue
            values = f"{order}{n_values}{whole[kind]}"
            at = entry + 4 + struct.calcsize(offset_code)
            if struct.calcsize(values) > struct.calcsize(offset_code):
                (at,) = struct.unpack_from(order + offset_code, raw, at)
            tags[tag] = struct.unpack_from(values, raw, at)
    except (struct.error, OverflowError) as error:
        raise ImageError(f"{where}: is truncated or damaged (the TIFF header ends early); replace the file") from error
    return tags
