"""8-bit PNGs written from the top down, without holding the whole image.

Pillow writes a PNG only from a complete image: 0.4 GB more at 400 megapixels. The format is simple: a header, a
palette, one compressed stream of rows, and an end mark (https://www.w3.org/TR/png-3/).
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.pixels.signatures import PNG

_GREY, _PALETTED = 0, 3  # colour types
_PLAIN = (0, 0, 0)  # compression, filter, interlace
_NO_FILTER = 0  # one byte before each row; differences between class ids mean nothing


@contextmanager
def png_of_rows(
    path: Path, height: int, width: int, text: Mapping[str, str], palette: NDArray[np.uint8] | None = None
) -> Iterator[Callable[[NDArray[np.uint8]], None]]:
    """Yield `write(values)`, which appends rows (h, width) to an 8-bit PNG.

    Values are ids with the colours of `palette` (n, 3), or greys without one. `text` becomes Latin-1 text chunks ahead
    of the pixels.
    """
    deflate = zlib.compressobj()
    color_type = _GREY if palette is None else _PALETTED
    with path.open("wb") as stream:

        def chunk(kind: bytes, content: bytes) -> None:
            checksum = zlib.crc32(content, zlib.crc32(kind))
            stream.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum))

        def write(values: NDArray[np.uint8]) -> None:
            lines = np.full((values.shape[0], width + 1), _NO_FILTER, np.uint8)
            lines[:, 1:] = values
            chunk(b"IDAT", deflate.compress(lines.data))

        stream.write(PNG)
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color_type, *_PLAIN))
        if palette is not None:
            chunk(b"PLTE", palette.tobytes())
        for key, value in text.items():
            chunk(b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1"))
        yield write
        chunk(b"IDAT", deflate.flush())
        chunk(b"IEND", b"")
