"""Finished pieces, so that a killed run can be resumed: one file or object a piece, whole or absent.

A journal belongs to one key, the hash of everything that changes a value. Work on another key is never mixed in, and
never discarded unless the user asks for it.
"""

import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError, OutputExistsError
from terrazzo.maps.pieces.lattice import Piece
from terrazzo.maps.pieces.sums import PROBABILITIES
from terrazzo.system.files import PARTIAL_SUFFIX, digest, folder_for, read_json, write_beside, write_json, writing
from terrazzo.system.places import Place, Store, names_in, working_folder

PARTIAL = ".partial"
_KEY_FILE = "key.json"
_MEANS_FILE = "computed_with.json"
_FAMILIARITY_FILE = "familiarity.json"
_STAGED = "finished"
_AT_ONCE = 1 << 20
_PIECE = re.compile(r"piece-(\d+)-(\d+)\.npz")

MadeOf = Mapping[str, Any]
"""Everything that changes a value, by name, as JSON values."""


def run_key(made_of: MadeOf) -> str:
    """The key of a run: equal if everything that changes a value is."""
    return digest("orthomosaic", json.dumps(made_of, sort_keys=True))


@dataclass(frozen=True)
class Journal:
    """One run's finished pieces."""

    folder: Place
    local: Path
    """The folder on this machine where outputs are made: the same, or a temporary one if that is a URL."""

    @property
    def staged(self) -> Path:
        """Where outputs wait until all are finished."""
        return self.local / _STAGED

    def absolute(self) -> "Journal":
        """The same journal with absolute paths, for processes in other folders."""
        return Journal(self.folder.absolute(), self.local.absolute())

    def belongs_to(self, made_of: MadeOf) -> bool:
        """Whether the folder exists and was begun with this key."""
        return bool(read_json(self.folder / _KEY_FILE) == _as_json(made_of))

    def settle(self, means: Mapping[str, str]) -> None:
        """Record device, precision and runtime of the pieces, as the machine decides what `auto` means.

        Raises OutputExistsError if there are pieces that were computed with others. Earlier versions named no runtime.
        """
        path = self.folder / _MEANS_FILE
        found = read_json(path)
        if any(means.get(name) != value for name, value in found.items()) and self.pieces():
            before, now = (" ".join(f"--{name} {value}" for name, value in each.items()) for each in (found, means))
            raise OutputExistsError(
                f"{self.folder}: holds unfinished work computed with {before}, but this machine would use {now}; "
                "resume on a machine that uses the same, or throw it away with --restart"
            )
        if found != dict(means):
            _put_json(path, means)

    def familiarity(self) -> float | None:
        """The feature distance of the raster, as `keep_familiarity` wrote it; None where it did not."""
        found = read_json(self.folder / _FAMILIARITY_FILE).get("distance")
        return float(found) if isinstance(found, int | float) else None

    def keep_familiarity(self, distance: float) -> None:
        """Keep what was measured of the raster, so that a resumed run does not measure it again."""
        _put_json(self.folder / _FAMILIARITY_FILE, {"distance": distance})

    def pieces(self) -> frozenset[Piece]:
        """The finished pieces, from one listing of the folder."""
        found = (_PIECE.fullmatch(name) for name in names_in(self.folder))
        return frozenset(Piece(int(match[1]), int(match[2])) for match in found if match)

    def has(self, piece: Piece) -> bool:
        """Whether the piece is finished."""
        return (self.folder / _name(piece)).is_file()

    def write(self, piece: Piece, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write a finished piece, whole or not at all."""
        path = self.folder / _name(piece)
        if isinstance(path, Store):
            whole = io.BytesIO()
            _write_arrays(whole, arrays)
            path.put(whole.getvalue())
            return
        with writing(path), write_beside(path) as temporary:
            _write_arrays(temporary, arrays)

    def read(self, piece: Piece, name: str) -> NDArray[Any] | None:
        """An array of a finished piece; None if it has none of that name. Raises InputError on a damaged piece."""
        path = self.folder / _name(piece)
        try:
            with np.load(self._at_hand(piece), allow_pickle=False) as arrays:
                array: NDArray[Any] | None = arrays.get(name)
                return array
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: is damaged ({error}); remove it and run the command again") from error

    def remove(self) -> None:
        """Remove all pieces."""
        _remove(self.folder)

    def _at_hand(self, piece: Piece) -> Path:
        """A finished piece as a file on this machine."""
        path, here = self.folder / _name(piece), self.local / _name(piece)
        if isinstance(path, Store) and not here.is_file():
            path.download(here)
        return here


def check_journal(folder: Place, made_of: MadeOf, restart: bool) -> None:
    """Raise OutputExistsError if the place holds unfinished work on another key, unless `restart`."""
    if restart or not names_in(folder) - {_KEY_FILE, _MEANS_FILE, _FAMILIARITY_FILE, _STAGED}:
        return  # no journal, or no piece in it
    found = read_json(folder / _KEY_FILE)
    if found == _as_json(made_of):
        return
    now = _as_json(made_of)
    changed = [name for name in {**now, **found} if found.get(name) != now.get(name)]
    changed.sort(key=lambda name: name == "cut")  # which follows from the others
    what = changed[0].replace("_", " ") if changed else "run"
    raise OutputExistsError(
        f"{folder}: holds unfinished work of another {what}; throw it away with --restart, or choose another --out"
    )


def begun_as(folder: Place) -> dict[str, Any]:
    """What unfinished work in the place belongs to; empty if there is none."""
    return read_json(folder / _KEY_FILE)


def begun_cut(folder: Place, made_of: MadeOf) -> tuple[int, int] | None:
    """The cut into pieces with which work on this key was begun in the place; None if there is none."""
    found = read_json(folder / _KEY_FILE)
    if not isinstance(found, dict) or "cut" not in found or found != _as_json({**made_of, "cut": found["cut"]}):
        return None
    rows, cols = found["cut"]
    return int(rows), int(cols)


@contextmanager
def open_journal(folder: Place, made_of: MadeOf, restart: bool) -> Iterator[Journal]:
    """The journal of a run, begun or resumed; call `check_journal` first.

    If the run fails without a finished piece, its folder is removed, with the folders above that were made for it.
    """
    with _leaving_no_trace(folder), working_folder(folder) as local:
        if restart or not Journal(folder, Path()).belongs_to(made_of):
            _remove(folder)
            _put_json(folder / _KEY_FILE, made_of)
        for stale in local.glob(f".*{PARTIAL_SUFFIX}*"):
            stale.unlink()
        journal = Journal(folder, local)
        shutil.rmtree(journal.staged, ignore_errors=True)
        journal.staged.mkdir(parents=True)
        yield journal


@contextmanager
def _leaving_no_trace(folder: Place) -> Iterator[None]:
    """Remove a journal without pieces if the block fails. One in a store stays: workers may be writing."""
    if isinstance(folder, Store):
        yield
        return
    with folder_for(folder):
        try:
            yield
        except BaseException:
            if not Journal(folder, folder).pieces():
                _remove(folder)
            raise


def _name(piece: Piece) -> str:
    return f"piece-{piece.row:05d}-{piece.col:05d}.npz"


def _write_arrays(file: Path | BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as one .npz file, a megabyte at a time.

    Only probabilities are compressed, at the fastest level: they take a byte a class and pixel. Sums and confidences
    hardly shrink, and classes are small beside the sums. Those of a ragged map hardly shrink either; compressed as a
    whole, they would take as much memory again.
    """
    with zipfile.ZipFile(file, "w", compresslevel=1) as archive:
        for name, array in arrays.items():
            archive.compression = zipfile.ZIP_DEFLATED if name.startswith(PROBABILITIES) else zipfile.ZIP_STORED
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                plain = np.ascontiguousarray(array)
                np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(plain))
                whole = plain.reshape(-1).view(np.uint8).data
                for start in range(0, len(whole), _AT_ONCE):
                    stream.write(whole[start : start + _AT_ONCE])


def _remove(folder: Place) -> None:
    if isinstance(folder, Store):
        folder.remove()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _put_json(path: Place, value: Mapping[str, Any]) -> None:
    if isinstance(path, Store):
        path.put(json.dumps(dict(value)).encode())
    else:
        write_json(path, dict(value))


def _as_json(made_of: MadeOf) -> Any:
    return json.loads(json.dumps(made_of))
