"""Finished pieces on disk, so that a killed run goes on where it was: one file a piece, whole or absent.

The folder belongs to one key: the hash of everything that changes a value. What was begun with another key is never
mixed in and never thrown away unasked.
"""

import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError, OutputExistsError
from terrazzo.files import PARTIAL_SUFFIX, digest, write_beside, write_json
from terrazzo.orthomosaics.lattice import Piece
from terrazzo.prediction.outputs import writing

PARTIAL = ".partial"
_KEY_FILE = "key.json"
_STAGED = "finished"

MadeOf = Mapping[str, Any]
"""Everything that changes a value, by name, as JSON values."""


def key_of(made_of: MadeOf) -> str:
    """The key of a run: equal where all that changes a value is equal."""
    return digest("orthomosaic", json.dumps(made_of, sort_keys=True))


@dataclass(frozen=True)
class Journal:
    """The folder of one run's finished pieces."""

    folder: Path

    @property
    def staged(self) -> Path:
        """Where finished outputs wait until all are there."""
        return self.folder / _STAGED

    def has(self, piece: Piece) -> bool:
        """Whether the piece is finished."""
        return self._path(piece).is_file()

    def write(self, piece: Piece, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep a finished piece, whole or not at all. Sums are stored as they are: they hardly shrink."""
        path = self._path(piece)
        with writing(path), write_beside(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for name, array in arrays.items():
                member = zipfile.ZipInfo(f"{name}.npy")
                member.compress_type = zipfile.ZIP_DEFLATED if array.dtype == np.uint8 else zipfile.ZIP_STORED
                with archive.open(member, "w", force_zip64=True) as stream:
                    np.lib.format.write_array(stream, array, allow_pickle=False)

    def read(self, piece: Piece, name: str) -> NDArray[Any] | None:
        """An array of a finished piece; None where it has none of that name. Raises InputError on a damaged piece."""
        path = self._path(piece)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                array: NDArray[Any] | None = arrays.get(name)
                return array
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: is damaged ({error}); remove it and run the command again") from error

    def remove(self) -> None:
        """Throw the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, piece: Piece) -> Path:
        return self.folder / f"piece-{piece.row:05d}-{piece.col:05d}.npz"


def check_journal(folder: Path, made_of: MadeOf, restart: bool) -> None:
    """Raise OutputExistsError where the folder holds unfinished work of another key, unless `restart`."""
    if restart or not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        found = json.loads((folder / _KEY_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    if found == json.loads(json.dumps(made_of)):
        return
    changed = [name for name in made_of if not isinstance(found, dict) or found.get(name) != made_of[name]]
    raise OutputExistsError(
        f"{folder}: holds unfinished work of another {_words(changed[0] if changed else 'run')}; "
        "throw it away with --restart, or choose another --out"
    )


def open_journal(folder: Path, made_of: MadeOf, restart: bool) -> Journal:
    """The journal of a run, begun or gone on with; `check_journal` has been asked before."""
    if restart and folder.exists():
        shutil.rmtree(folder)
    if not (folder / _KEY_FILE).is_file():
        write_json(folder / _KEY_FILE, dict(made_of))
    for stale in folder.glob(f".*{PARTIAL_SUFFIX}*"):
        stale.unlink()
    journal = Journal(folder)
    shutil.rmtree(journal.staged, ignore_errors=True)
    journal.staged.mkdir(parents=True)
    return journal


def _words(name: str) -> str:
    return name.replace("_", " ")
