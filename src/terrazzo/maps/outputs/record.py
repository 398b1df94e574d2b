"""run.json: what a finished map was made from, by what, and its cost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from terrazzo.errors import OutputExistsError
from terrazzo.maps.areas import AREAS
from terrazzo.maps.outputs.attribute_table import table_of
from terrazzo.maps.outputs.style import QUICKLOOK, STYLE
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE, PROBABILITIES
from terrazzo.maps.polygons.formats import FORMATS
from terrazzo.system.companions import companions, drop_companions, refuse_open
from terrazzo.system.files import read_json
from terrazzo.system.places import Place, Store, names_in

RUN = "run.json"
NAMES = table_of(f"{CLASSES}.tif")
OUTPUTS = (
    *(f"{layer}.tif" for layer in (CLASSES, CONFIDENCE, PROBABILITIES)),
    NAMES,
    *(f"{CLASSES}{known.suffix}" for known in FORMATS.values()),
    STYLE,
    AREAS,
    QUICKLOOK,
    RUN,
)
"""The files that a map can consist of; run.json is put in place last and lists those that do."""


def read_record(folder: Place) -> Mapping[str, Any]:
    """The content of run.json in the folder; empty if there is none, or it is not ours."""
    return read_json(folder / RUN)


def finished(folder: Place, key: str) -> bool:
    """Whether the folder holds the finished map of this key, with all its files. NAMES may be cleared away."""
    record = read_record(folder)
    outputs = {str(name) for name in record.get("outputs", ())} - {NAMES}
    return record.get("key") == key and names_in(folder) >= outputs


def refuse_other_map(folder: Place, key: str) -> None:
    """Raise OutputExistsError if the folder is a file, or holds any file of a map but the finished one of `key`."""
    if folder.is_file():
        raise OutputExistsError(f"{folder}: is a file where a folder is needed; choose another --out")
    found = names_in(folder)
    there = [name for name in OUTPUTS if name in found]
    if there and not finished(folder, key):
        raise OutputExistsError(
            f"{folder / there[0]}: is in the way, it was not made from this raster, model and options; "
            "choose another --out, or replace it with --overwrite"
        )


def refuse_open_files(folder: Place) -> None:
    """Raise OutputExistsError if another program has a file of the map in the folder open."""
    if isinstance(folder, Path):
        for name in OUTPUTS:
            refuse_open(folder / name)


def publish(staged: Path, folder: Place) -> None:
    """Move the finished files to their places, run.json last, and remove other files of an earlier map.

    What GIS programs left beside the earlier files goes with them. Raises OutputExistsError, with the earlier map
    untouched, if another program has one of its files open.
    """
    if isinstance(folder, Store):
        _upload(staged, folder)
        return
    refuse_open_files(folder)
    (folder / RUN).unlink(missing_ok=True)
    for name in OUTPUTS:
        drop_companions(folder / name)
    for name in OUTPUTS:
        if (staged / name).is_file():
            (staged / name).replace(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)


def _upload(staged: Path, folder: Store) -> None:
    there = folder.names()
    beside = [companion for name in OUTPUTS for companion in companions(name)]
    for name in (RUN, *beside, *(name for name in OUTPUTS if not (staged / name).is_file())):
        if name in there:
            (folder / name).remove()
    for name in OUTPUTS:
        if (staged / name).is_file():
            (folder / name).upload(staged / name)
