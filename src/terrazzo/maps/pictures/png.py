"""Paletted PNGs written from the top down, without ever holding the whole picture.

Pillow writes a PNG only from a complete image: at 400 megapixels 0.4 GB beside the photo. The format itself
(https://www.w3.org/TR/png-3/) is a header, the palette, one compressed stream of rows, and an end mark.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.pixels.signatures import PNG

_PALETTED_8_BIT = (8, 3, 0, 0, 0)  # bits, colour type, compression, filter, interlace
_NO_FILTER = 0  # one byte before each row; differences between class ids mean nothing


@contextmanager
def palette_png(
    path: Path, height: int, width: int, palette: NDArray[np.uint8], text: Mapping[str, str]
) -> Iterator[Callable[[NDArray[np.uint8]], None]]:
    """Yield `write(ids)`, which appends rows (h, width) to a PNG whose pixel values are ids.

    `palette` (n, 3) gives the colours of ids 0..n - 1; `text` becomes Latin-1 text chunks ahead of the pixels.
    """
    deflate = zlib.compressobj()
    with path.open("wb") as stream:

        def chunk(kind: bytes, content: bytes) -> None:
            checksum = zlib.crc32(content, zlib.crc32(kind))
            stream.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum))

        def write(ids: NDArray[np.uint8]) -> None:
            lines = np.full((ids.shape[0], width + 1), _NO_FILTER, np.uint8)
            lines[:, 1:] = ids
            chunk(b"IDAT", deflate.compress(lines.data))

        stream.write(PNG)
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, *_PALETTED_8_BIT))
        chunk(b"PLTE", palette.tobytes())
        for key, value in text.items():
            chunk(b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1"))
        yield write
        chunk(b"IDAT", deflate.flush())
        chunk(b"IEND", b"")
