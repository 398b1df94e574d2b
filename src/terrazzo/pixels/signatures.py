"""What the first bytes of an image file say of it."""

import struct

from terrazzo.errors import ImageError

# The plugins are called by their classes: Image.open tries dozens of formats, and warns of large images (or refuses
# them) by a limit that is global to the process. The limit here is MAX_PIXELS.
PNG, BMP, JPEG, RIFF = b"\x89PNG\r\n\x1a\n", b"BM", b"\xff\xd8\xff", b"RIFF"


TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def png_depth(raw: bytes) -> tuple[int, bool] | None:
    """(bits a channel, whether it is grey) as a PNG's header says; None for other formats."""
    return (raw[24], raw[25] == 0) if raw.startswith(PNG) and len(raw) > 25 else None


def tiff_tags(raw: bytes, where: str) -> dict[int, tuple[int, ...]] | None:
    """The whole-number tags of a TIFF's first page; None for other formats. Raises ImageError where it is cut short."""
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
