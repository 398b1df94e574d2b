"""Files that attack whoever opens them, each with the media type it is sent as and the status that answers it."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

from tests.worlds.rasters import GRID

SECRET = "/etc/passwd"
"""A file that every such attack tries to read."""


@dataclass(frozen=True)
class Hostile:
    """One attack."""

    name: str
    media_type: str
    status: int
    make: Callable[[Path], bytes]
    """Its bytes; a folder may be used to make them."""
    says: str
    """A part of the line that refuses it."""


VRT = f"""<VRTDataset rasterXSize="64" rasterYSize="64"><VRTRasterBand dataType="Byte" band="1">
<SimpleSource><SourceFilename relativeToVRT="0">{SECRET}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>
</VRTRasterBand></VRTDataset>"""
WMS = """<GDAL_WMS><Service name="TMS"><ServerUrl>http://127.0.0.1:9/${z}/${x}/${y}.png</ServerUrl></Service>
<DataWindow><UpperLeftX>0</UpperLeftX><UpperLeftY>1</UpperLeftY><LowerRightX>1</LowerRightX><LowerRightY>0</LowerRightY>
<SizeX>256</SizeX><SizeY>256</SizeY></DataWindow><BandsCount>3</BandsCount></GDAL_WMS>"""
SVG = f"""<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file://{SECRET}">]>
<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><image href="file://{SECRET}"/><text>&x;</text></svg>"""
HTML = "<!doctype html><script>alert(document.cookie)</script>"


def photo(kind: str = "PNG", height: int = 37, width: int = 51) -> bytes:
    """A good photo of noise."""
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def raster(folder: Path, domain: str = "", driver: str = "GTiff", **tags: str) -> bytes:
    """A good raster of 3 bands, 96 x 80 pixels, in blocks of 32, with tags in a domain of its metadata."""
    path = folder / "made.tif"
    options = {"tiled": True, "blockxsize": 32, "blockysize": 32, "crs": "EPSG:32618", "transform": GRID}
    pixels = np.random.default_rng(0).integers(1, 255, (3, 80, 96), np.uint8)
    with rasterio.open(path, "w", driver=driver, width=96, height=80, count=3, dtype="uint8", **options) as dataset:
        dataset.write(pixels)
        if domain:
            dataset.update_tags(ns=domain, **tags)
    raw = path.read_bytes()
    path.unlink()
    return raw


def strip_tiff(
    width: int, height: int, strip: bytes, compression: int = 8, bands: int = 1, chained: bool = False
) -> bytes:
    """A TIFF whose one strip claims to hold the whole image. `chained`: its next page is itself."""
    entries = [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1)),
        *((273, 4, 1, 8), (277, 3, 1, bands), (278, 4, 1, height), (279, 4, 1, len(strip)), (284, 3, 1, 1)),
    ]
    strip += b"\0" * (len(strip) % 2)
    at = 8 + len(strip)
    tags = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return (
        b"II*\0"
        + struct.pack("<I", at)
        + strip
        + struct.pack("<H", len(entries))
        + tags
        + struct.pack("<I", at * chained)
    )


def png_chunks(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of 8-bit grey with these chunks between its header and its end."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in (header, *chunks, (b"IEND", b""))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def zip_bomb() -> bytes:
    """10 MB of zeros in 10 kB, named as an image with a path that leaves the folder."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../../tmp/image.tif", bytes(10_000_000))
    return stream.getvalue()


def _zeros(n_bytes: int) -> bytes:
    return zlib.compress(bytes(n_bytes), 9)


CORPUS = (
    Hostile("a VRT", "image/tiff", 422, lambda _: VRT.encode(), "no image that is taken"),
    Hostile("a GDAL_WMS file", "image/tiff", 422, lambda _: WMS.encode(), "no image that is taken"),
    Hostile("a VRT after a TIFF's signature", "image/tiff", 422, lambda _: b"II*\0" + VRT.encode(), "damaged"),
    Hostile("a VRT as JP2", "image/jp2", 422, lambda _: b"\0\0\0\x0cjP  \r\n\x87\n" + VRT.encode(), "damaged"),
    Hostile("a zip bomb", "image/tiff", 422, lambda _: zip_bomb(), "no image that is taken"),
    Hostile(
        "a TIFF with overviews in another file",
        *("image/tiff", 422, lambda folder: raster(folder, "OVERVIEWS", OVERVIEW_FILE=SECRET), "OVERVIEW_FILE"),
    ),
    Hostile(
        "a TIFF with overviews at an address",
        *("image/tiff", 422),
        lambda folder: raster(folder, "OVERVIEWS", OVERVIEW_FILE="/vsicurl/http://127.0.0.1:9/x.tif"),
        "OVERVIEW_FILE",
    ),
    Hostile(
        "a TIFF placed by another file",
        *("image/tiff", 422, lambda folder: raster(folder, "GEOLOCATION", X_DATASET=SECRET, X_BAND="1"), "X_DATASET"),
    ),
    Hostile(
        "200,000 x 200,000 pixels", "image/tiff", 413, lambda _: strip_tiff(200_000, 200_000, _zeros(99)), "pixels"
    ),
    Hostile("a strip of 10 GB", "image/tiff", 422, lambda _: strip_tiff(100_000, 100_000, _zeros(99)), "damaged"),
    Hostile(
        "a strip of 3.6 GB in many bands",
        *("image/tiff", 422, lambda _: strip_tiff(6_000, 6_000, _zeros(99), bands=100), ""),
    ),
    Hostile("half a TIFF", "image/tiff", 422, lambda folder: (raw := raster(folder))[: len(raw) // 2], "damaged"),
    Hostile("half a JPEG", "image/jpeg", 422, lambda _: (raw := photo("JPEG"))[: len(raw) // 2], "truncated"),
    Hostile("half a PNG", "image/png", 422, lambda _: (raw := photo("PNG"))[: len(raw) // 2], "truncated"),
    Hostile("a PNG of 3,600 megapixels", "image/png", 422, lambda _: png_chunks(60_000, 60_000), "megapixels"),
    Hostile(
        "a PNG with a text that blows up",
        *("image/png", 422),
        lambda _: png_chunks(8, 8, (b"zTXt", b"x\0\0" + _zeros(64 << 20)), (b"IDAT", _zeros(72))),
        "too large",
    ),
    Hostile("a PNG's signature before HTML", "image/png", 422, lambda _: b"\x89PNG\r\n\x1a\n" + HTML.encode(), ""),
    Hostile("a JPEG's signature before SVG", "image/jpeg", 422, lambda _: b"\xff\xd8\xff" + SVG.encode(), ""),
    Hostile("HTML as BMP", "image/bmp", 422, lambda _: b"BM" + HTML.encode() * 9, "no image that is taken"),
    Hostile("SVG as PNG", "image/png", 422, lambda _: SVG.encode(), "no image that is taken"),
    Hostile("HTML as JPEG", "image/jpeg", 422, lambda _: HTML.encode(), "no image that is taken"),
    Hostile("a PNG as JPEG", "image/jpeg", 422, lambda _: photo("PNG"), "send it with Content-Type: image/png"),
    Hostile("SVG", "image/svg+xml", 415, lambda _: SVG.encode(), "is not taken"),
    Hostile("HTML", "text/html", 415, lambda _: HTML.encode(), "is not taken"),
    Hostile("a form", "multipart/form-data; boundary=x", 415, lambda _: b"--x--", "is not taken"),
    Hostile("another form", "application/x-www-form-urlencoded", 415, lambda _: b"a=b", "is not taken"),
    Hostile("no type", "", 415, lambda _: photo("PNG"), "Content-Type"),
    Hostile("a VRT by its type", "application/x-vrt", 415, lambda _: VRT.encode(), "is not taken"),
    Hostile("nothing", "image/tiff", 422, lambda _: b"", "is empty"),
)
PATHS = (
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "a\0b/../c",
)
"""Names that would leave the folder if a path were made of them."""
