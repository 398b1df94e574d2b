"""The files beside a raster that place it on the ground: world files, .aux.xml and .prj.

GDAL reads the first two itself. The third, which many programs write beside a world file, it reads for few formats.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import ImageError

if TYPE_CHECKING:
    from rasterio.crs import CRS

_AUX_BYTES = 1 << 20
_PLACES = (b"<GeoTransform", b"<GCPList", b"GeodataXform")


def placed_by(path: Path) -> Path | None:
    """The world file or .aux.xml that places a photo; None if there is neither, or the .aux.xml holds no place.

    A world file of `a.jpg` is called `a.jgw`, `a.jpgw` or `a.wld`, in small or capital letters.
    """
    ending = path.suffix.removeprefix(".").lower()
    names = [f"{ending[0]}{ending[-1]}w", f"{ending}w", "wld"] if ending else []
    for name in names:
        for spelled in (name, name.upper()):
            if (world := path.with_suffix(f".{spelled}")).is_file():
                return world
    aux = path.with_name(f"{path.name}.aux.xml")
    try:
        with aux.open("rb") as stream:
            start = stream.read(_AUX_BYTES)
    except OSError:
        return None
    return aux if any(mark in start for mark in _PLACES) else None


def crs_beside(path: Path) -> "tuple[Path, CRS] | None":
    """The .prj beside a raster and its coordinate reference system; None without one. Raises ImageError."""
    found = [prj for suffix in (".prj", ".PRJ") if (prj := path.with_suffix(suffix)).is_file()]
    if not found:
        return None
    from rasterio.crs import CRS  # only here: the names alone are asked for where no raster is read

    try:
        return found[0], CRS.from_user_input(found[0].read_text(encoding="utf-8", errors="replace").strip())
    except (ValueError, OSError) as error:  # rasterio's CRSError is a ValueError
        raise ImageError(f"{found[0]}: names no coordinate reference system that can be read; correct it") from error
