"""Tiny data sets whose every pixel is known, for the tests of what reads and checks them."""

import io
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.classes.palettes import DUBAI
from terrazzo.classes.schema import ClassSchema

BLACK = (0, 0, 0)
MAGENTA = (255, 0, 255)


def photo(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Noise, (height, width, 3): no two seeds give the same picture."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def bands_of_classes(height: int, width: int, schema: ClassSchema = DUBAI) -> NDArray[np.uint8]:
    """Ids (height, width): vertical bands of all classes, from the left."""
    return np.broadcast_to(np.arange(width) * schema.n_classes // width, (height, width)).astype(np.uint8)


def color_mask(height: int, width: int, schema: ClassSchema = DUBAI) -> NDArray[np.uint8]:
    """`bands_of_classes` in the schema's colours, (height, width, 3)."""
    return schema.decode(bands_of_classes(height, width, schema))


def encoded(pixels: NDArray[np.generic], kind: str = "PNG", **options: object) -> bytes:
    """An array as the bytes of an image file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def exif(orientation: int) -> bytes:
    """EXIF data that say no more than the orientation, 1..8."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def tiff(
    pixels: NDArray[np.generic], *, photometric: int = 2, extra: tuple[int, ...] = (), sample_format: int = 1
) -> bytes:
    """An uncompressed TIFF of any depth and band count, written by hand: Pillow writes few kinds."""
    height, width, bands = pixels.shape
    bits = pixels.dtype.itemsize * 8
    tags = [
        (256, 3, (width,)),
        (257, 3, (height,)),
        (258, 3, (bits,) * bands),
        (259, 3, (1,)),
        (262, 3, (photometric,)),
        (273, 4, (0,)),
        (277, 3, (bands,)),
        (278, 3, (height,)),
        (279, 4, (pixels.nbytes,)),
        *([(338, 3, extra)] if extra else []),
        (339, 3, (sample_format,) * bands),
    ]
    at = 8 + 2 + 12 * len(tags) + 4
    entries, tail = b"", b""
    for tag, kind, values in tags:
        raw = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(raw) > 4:
            entries += struct.pack("<HHII", tag, kind, len(values), at + len(tail))
            tail += raw
        else:
            entries += struct.pack("<HHI", tag, kind, len(values)) + raw.ljust(4, b"\0")
    start = at + len(tail)
    entries = entries.replace(struct.pack("<HHII", 273, 4, 1, 0), struct.pack("<HHII", 273, 4, 1, start))
    header = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return header + entries + b"\0\0\0\0" + tail + pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


def write(path: Path, content: NDArray[np.generic] | bytes) -> Path:
    """An array as a PNG, or bytes as they are; the folders above are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else encoded(content))
    return path


def flat_set(
    root: Path, masks: Mapping[str, NDArray[np.generic] | bytes], images: Mapping[str, bytes] | None = None
) -> Path:
    """`images/` and `masks/` below `root`: a mask by name, and for each an image of its size unless one is given."""
    for seed, (name, mask) in enumerate(masks.items()):
        write(root / "masks" / f"{name}.png", mask)
        given = (images or {}).get(name)
        size = mask.shape[:2] if isinstance(mask, np.ndarray) else (40, 60)
        write(root / "images" / f"{name}.png", photo(*size, seed) if given is None else given)
    return root


def tile_set(root: Path, tiles: tuple[int, ...] = (1, 2, 10), parts: int = 2) -> Path:
    """A data set in the layout of Humans in the Loop, 40 x 60 pixels an image, with a classes.json of other colours."""
    for tile in tiles:
        for part in range(1, parts + 1):
            folder, name = root / f"Tile {tile}", f"image_part_{part:03d}"
            write(folder / "images" / f"{name}.jpg", encoded(photo(40, 60, tile * 100 + part), "JPEG"))
            write(folder / "masks" / f"{name}.png", color_mask(40, 60))
    (root / "classes.json").write_text('{"classes": [{"title": "Water", "color": "#50E3C2"}]}', encoding="utf-8")
    return root
