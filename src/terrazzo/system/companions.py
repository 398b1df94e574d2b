"""What GIS programs keep beside a file: statistics, overviews, masks, tables, indices, and SQLite's write-ahead log.

Law: a file that replaces another has none of the other's companions. A `-wal` of the old GeoPackage would be played
into the new one, and an `.ovr` of the old raster shown at small scales. So companions go before the new file takes
its place. A database that another program has open is refused instead.
"""

import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from terrazzo.errors import OutputExistsError

_LOGS = ("-wal", "-shm", "-journal")
"""SQLite's write-ahead log, the index of it, and the rollback journal."""
_RASTER = (".aux.xml", ".ovr", ".ovr.aux.xml", ".msk", ".msk.ovr", ".xml", ".vat.dbf", ".vat.cpg", ".vat.dbf.xml")
"""Added to a raster's name: GDAL's statistics, overviews and mask, Esri's metadata and attribute table."""
_INDEX = (".qix", ".idx")
_ADDED = {
    ".tif": _RASTER,
    ".png": _RASTER,
    ".jpg": _RASTER,
    ".gpkg": (*_LOGS, ".aux.xml", ".ovr", ".xml", *_INDEX),
    ".geojson": (".xml", *_INDEX),
    ".parquet": (".xml",),
}
_INSTEAD = {
    ".tif": (".aux", ".rrd", ".aux.xml", ".tfw", ".tifw", ".wld"),
    ".png": (".aux", ".rrd"),
    ".jpg": (".aux", ".rrd"),
    ".gpkg": _INDEX,
    ".geojson": _INDEX,
}
"""In place of a file's suffix: older overviews, and the world file of a TIFF, which has its own place inside."""
_LOCK, _LOCK_BYTES = 0x40000002, 510
"""The bytes of a database that SQLite locks while it reads (https://www.sqlite.org/fileformat.html, lock-byte page)."""


def companions(name: str) -> tuple[str, ...]:
    """The names that GIS programs give to files beside a file, folders in front included; none for other kinds."""
    path = PurePosixPath(name)
    added = [f"{name}{ending}" for ending in _ADDED.get(path.suffix, ())]
    return (*added, *(path.with_suffix(ending).as_posix() for ending in _INSTEAD.get(path.suffix, ())))


def refuse_open(path: Path) -> None:
    """Raise OutputExistsError if another program has the database at `path` open, by the locks that SQLite takes.

    One without a log beside it is not asked: it can be replaced under a reader, which keeps the old file. Neither is
    one on Windows, where an open file cannot be replaced, and the system says so.
    """
    if path.is_file() and any(path.with_name(f"{path.name}{log}").exists() for log in _LOGS) and _locked(path):
        raise OutputExistsError(
            f"{path}: is open in another program, such as QGIS; close it there and run the command again, "
            "or choose another --out"
        )


def drop_companions(path: Path) -> None:
    """Remove what GIS programs have put beside the file at `path`. Raises OutputExistsError if it is open elsewhere."""
    there = list(_there(path))
    if there:
        refuse_open(path)
    for companion in there:
        companion.unlink(missing_ok=True)


def _there(path: Path) -> Iterator[Path]:
    for name in companions(path.name):
        companion = path.with_name(name)
        if companion.is_file() or companion.is_symlink():
            yield companion


def _locked(path: Path) -> bool:
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        with path.open("rb+") as stream:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_BYTES, _LOCK)
    except BlockingIOError:
        return True
    except OSError:  # not ours to write to, or a file system without locks
        return False
    return False
