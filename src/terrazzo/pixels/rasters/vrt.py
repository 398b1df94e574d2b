"""GDAL's virtual rasters: the files that one reads, and the refusal of those that would read from elsewhere.

A .vrt (https://gdal.org/drivers/raster/vrt.html) is XML that names other rasters. GDAL follows whatever it names: URLs,
its own virtual file systems, drivers that fetch. A user who names a .vrt means the files beside it. So only relative
paths to local rasters are allowed, and this is checked before GDAL sees the file.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from terrazzo.errors import ImageError

_SOURCES = ("SourceFilename", "SourceDataset")
_DEEPEST = 8  # levels of .vrts within .vrts; more are a circle
_XML, _JSON = b"<", b"{"


def vrt_sources(path: Path) -> tuple[Path, ...]:
    """The files that a .vrt reads, in order, with those of the .vrts in it. Raises ImageError for foreign ones."""
    return tuple(dict.fromkeys(_sources(path, 0)))


def _sources(path: Path, depth: int) -> Iterator[Path]:
    if depth == _DEEPEST:
        raise ImageError(f"{path}: virtual rasters within virtual rasters, {depth} deep; name the rasters themselves")
    for element in _tree(path).iter():
        text = (element.text or "").strip()
        if "/vsi" in text.lower() or "://" in text:
            raise ImageError(f"{path}: reads {text!r}; only files beside a .vrt are followed, copy it there")
        if element.tag == "PixelFunctionCode":
            raise ImageError(f"{path}: holds a program (PixelFunctionCode), which is not run; save it as a GeoTIFF")
        if element.tag not in _SOURCES:
            continue
        if element.get("relativeToVRT") != "1" or Path(text).is_absolute() or text.startswith(("<", "{")):
            raise ImageError(
                f"{path}: reads {text!r}, which is not relative to it; only files beside a .vrt are followed, "
                "make it again with gdalbuildvrt in their folder"
            )
        source = path.parent / text
        yield source
        yield from _beyond(source, path, depth)


def _beyond(source: Path, path: Path, depth: int) -> Iterator[Path]:
    """What a source itself reads, if its content is that of a .vrt."""
    try:
        with source.open("rb") as stream:
            start = stream.read(512).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as error:
        raise ImageError(f"{path}: reads {source}, which cannot be opened ({error.strerror}); copy it there") from error
    if start.startswith(b"<VRT"):
        yield from _sources(source, depth + 1)
    elif start.startswith((_XML, _JSON)):
        raise ImageError(f"{path}: reads {source}, which is no raster but a description of one; save it as a GeoTIFF")


def _tree(path: Path) -> ElementTree.Element:
    try:
        tree = ElementTree.fromstring(path.read_bytes())
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error
    except ElementTree.ParseError as error:
        raise ImageError(f"{path}: is not a virtual raster ({error}); make it again with gdalbuildvrt") from error
    if tree.tag != "VRTDataset":
        raise ImageError(f"{path}: is not a virtual raster (it begins with <{tree.tag}>); make it with gdalbuildvrt")
    return tree
