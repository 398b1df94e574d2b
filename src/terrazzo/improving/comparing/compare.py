"""Two maps compared: the public function."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from terrazzo._version import __version__
from terrazzo.errors import InputError
from terrazzo.improving.comparing.comparison import AREAS, MATRIX_HA, MATRIX_PERCENT, PAIRS, RECORD, Comparison
from terrazzo.scenes.map_file import map_file
from terrazzo.system.files import (
    Mark,
    digest,
    file_digest,
    read_json,
    refuse_existing,
    write_folder_beside,
    write_json,
    writing,
)
from terrazzo.system.options import Option, Overwrite
from terrazzo.system.reporting import Progress, Say, quiet, silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terrazzo.improving.comparing.pair import MapPair, Strip

_KEY = "comparison_key"
_RASTER, _NAMES, _STYLE, _POLYGONS = "changes.tif", "changes.tif.aux.xml", "changes.qml", "changes.gpkg"
MARK = Mark(
    (AREAS, MATRIX_HA, MATRIX_PERCENT, PAIRS, _RASTER, _NAMES, _STYLE, _POLYGONS, RECORD), ((RECORD, f'"{_KEY}"'),)
)


def compare(
    map1: Annotated[str | Path, Option("The first map: a folder that predict wrote, or a classes.tif.")],
    map2: Annotated[str | Path, Option("The second map, of a later time or by another model.")],
    *,
    out: Annotated[str | Path, Option("Folder for tables, raster and polygons.")],
    warp: Annotated[bool, Option("Warp the second map to the grid of the first (nearest neighbour).")] = False,
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Comparison:
    """Compare two class maps of one place: areas by class, and what became what.

    Classes are matched by name. Only pixels that hold a class in both maps are compared; the others are counted. Areas
    are on the ellipsoid. Maps on different grids are refused, unless `warp`.

    Two equal maps give a diagonal matrix and no polygon. Memory does not grow with the height of the maps. The folder
    appears whole or not at all, and a finished comparison of the same maps is kept, unless `overwrite`.

    Raises InputError (no map, different grids, nothing to compare), ImageError, OutputExistsError.
    """
    folder, files = Path(out), [map_file(Path(path)) for path in (map1, map2)]

    from terrazzo.improving.comparing.matching import match
    from terrazzo.improving.comparing.pair import MapPair, lay
    from terrazzo.scenes.class_map import open_map

    first, second = (open_map(path) for path in files)
    warped, note = lay(first, second, warp)
    pair = MapPair(first, second, match(first, second), warped)
    for words in (note, *pair.classes.notes):
        if words:
            say(words)
    paths = [first.path, second.path]
    digests = [file_digest(path) for path in paths]
    key = digest("compare", __version__, *digests)
    if not overwrite and (kept := _finished(folder, key)) is not None:
        return kept
    refuse_existing(folder, "a comparison", overwrite, MARK)
    maps = [{"path": str(path), "digest": each} for path, each in zip(paths, digests, strict=True)]
    about = {_KEY: key, "terrazzo_version": __version__, "maps": maps, "warped": warped}
    return Comparison(folder, False, _write(folder, pair, about, progress))


def _finished(folder: Path, key: str) -> Comparison | None:
    """The finished comparison of this key in a folder, with all its files; the table of names may be cleared away."""
    record = read_json(folder / RECORD)
    there = all((folder / str(name)).is_file() for name in record.get("outputs", ()) if name != _NAMES)
    return Comparison(folder, True, record) if record.get(_KEY) == key and there else None


def _write(folder: Path, pair: "MapPair", about: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Write the comparison into its folder, whole or not at all; the content of compare.json.

    The maps are read twice: for the counts, which say what pairs occur, and for the raster.
    """
    from terrazzo.improving.comparing.changes import changes_of, write_changes
    from terrazzo.improving.comparing.counts import count
    from terrazzo.improving.comparing.tables import figures, write_tables
    from terrazzo.maps.outputs.attribute_table import write_attribute_table
    from terrazzo.maps.outputs.style import write_style

    raster = pair.first.raster
    total = 2 * raster.height * raster.width

    def strips(done: int) -> "Iterator[Strip]":
        for top, found, wanted in pair.strips():
            yield top, found, wanted
            progress("comparing pixels", done + (top + len(found)) * raster.width, total)

    counts = count(pair, strips(0))
    if not counts.pixels.any():
        raise InputError(
            f"{pair.second.path}: no pixel holds a class both there and in {pair.first.path}; give maps of one place"
        )
    changes = changes_of(counts, pair.classes)
    record = about | figures(counts, changes)
    with writing(folder), write_folder_beside(folder) as staged:
        write_changes(staged, pair, changes, strips(total // 2))
        write_attribute_table(staged / _NAMES, changes.rows)
        write_style(staged / _STYLE, changes.rows)
        write_tables(staged, record)
        record["outputs"] = sorted([path.name for path in staged.iterdir()] + [RECORD])
        write_json(staged / RECORD, record)
    return record
