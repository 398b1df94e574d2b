"""Files that are either whole or absent: written beside, synced and renamed; and what is in the way of an output.

Law: a reader never sees half an output. A process killed while it writes leaves at most a hidden `.NAME.*.partial`
beside the output. The next write to the same folder removes it.

Law of --overwrite: nothing is removed that the same command did not write. A command's `Mark` lists the names that it
writes, and the files by which its folder is recognized. A folder that is replaced as a whole must have the mark and
hold nothing else. Where other files stay, only the command's own names are replaced, and only if the mark is there.
What a GIS keeps beside such a file goes with it (`companions`).
"""

import csv
import glob
import hashlib
import io
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from terrazzo.errors import InputError, OutputExistsError
from terrazzo.system.companions import companions, drop_companions
from terrazzo.system.places import Place


@contextmanager
def writing(path: Place) -> Iterator[None]:
    """Turn an error of the operating system (disk full, no permission) into InputError naming `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from error


PARTIAL_SUFFIX = ".partial"

_LITTER = (".DS_Store", "Thumbs.db", "desktop.ini")  # what file managers put into a folder
_SIGN_BYTES = 1 << 16


@dataclass(frozen=True)
class Mark:
    """How a folder is recognized as the output of one command."""

    names: tuple[str, ...]
    """The files and folders that the command writes into it, with everything in these folders."""
    signs: tuple[tuple[str, str], ...] = ()
    """Files, and a text near the start of each. One is enough; if empty, the names are."""
    is_whole: bool = True
    """Whether the folder is replaced as a whole. Otherwise other files in it stay."""

    def foreign(self, folder: Path) -> str | None:
        """The first file that would be removed though the command did not write it; None if there is none."""
        signed = not self.signs or any(_begins_with(folder / name, text) for name, text in self.signs)
        own = {*self.names, *(beside for name in self.names for beside in companions(name))}
        for name in _files_below(folder):
            is_own = name in own or any(above.as_posix() in own for above in PurePosixPath(name).parents)
            if (is_own and not signed) or (self.is_whole and not is_own):
                return name
        return None


@contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder. On success it is synced and renamed to `path`, otherwise removed.

    The temporary name keeps the suffix of `path`, for writers that choose a format by it. It is another one each time,
    so that of several threads, processes or machines that write `path` at once the last one is kept, whole. What GIS
    programs left beside an earlier file goes first; one that is open in another program raises OutputExistsError.
    """
    path = Path(path)
    with folder_for(path):
        temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}{path.suffix}")
        try:
            yield temporary
            _sync(temporary)
            drop_companions(path)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def write_folder_beside(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `folder`. On success it replaces `folder`, otherwise it is removed.

    The old content of `folder` stays until the new one is complete. The caller closes memory maps inside before the
    block ends, because Windows does not rename open ones. Raises OutputExistsError if `folder` cannot be replaced as a
    whole.
    """
    folder = Path(folder)
    _refuse_in_use(folder)
    with folder_for(folder):
        for stale in folder.parent.glob(f".{glob.escape(folder.name)}.*{PARTIAL_SUFFIX}"):
            shutil.rmtree(stale, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=PARTIAL_SUFFIX, dir=folder.parent))
        temporary.chmod(0o755)
        try:
            yield temporary
            for item in temporary.rglob("*"):
                if item.is_file():
                    _sync(item)
            replace_folder(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def folder_for(path: Path) -> Iterator[None]:
    """Make the folders above `path`. If the block fails, those that it leaves empty are removed again.

    Raises OutputExistsError if `path` is a device or a pipe, which a rename would replace.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OutputExistsError(f"{path}: is neither a file nor a folder; choose another --out")
    made = [folder for folder in path.parents if not folder.exists()]
    _make_folder(path.parent)
    try:
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def scratch_beside(path: Path) -> Iterator[Path]:
    """Yield an empty folder on the disk of `path`, for intermediate files; it is removed at the end.

    It lies in the deepest existing folder above `path`, so that nothing else is created if the output is refused.
    """
    path = Path(path).absolute()
    above = next(folder for folder in path.parents if folder.is_dir())
    for stale in above.glob(f".{glob.escape(path.name)}-scratch.*{PARTIAL_SUFFIX}"):
        shutil.rmtree(stale, ignore_errors=True)
    try:
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-scratch.", suffix=PARTIAL_SUFFIX, dir=above))
    except OSError as error:
        raise InputError(f"{above}: cannot be written to ({error.strerror}); choose another --out") from error
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def replace_folder(new: Path, folder: Path) -> None:
    """Replace `folder` by the folder `new`; the old content is removed only after the rename."""
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=PARTIAL_SUFFIX, dir=folder.parent))
        folder.rename(old / "old")
        new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        new.rename(folder)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, whole or not at all."""
    with write_beside(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all. NaN is not JSON and raises ValueError."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def csv_text(fields: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV with Unix line ends, the names of its columns first."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([fields, *rows])
    return stream.getvalue()


def read_json(path: Place) -> dict[str, Any]:
    """The object in a JSON file; empty if the file is absent or holds anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def digest(*parts: str | bytes) -> str:
    """A stable 32-digit hexadecimal hash of the parts and of where each begins (BLAKE2b, 128 bits)."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        hasher.update(len(raw).to_bytes(8, "little"))
        hasher.update(raw)
    return hasher.hexdigest()


def file_digest(path: Path) -> str:
    """The hash of a file's bytes (BLAKE2b, 128 bits, hexadecimal)."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def same_content(one: Path, two: Path) -> bool:
    """Whether two files, or two folders with everything in them, have the same names and bytes."""
    if one.is_file() or two.is_file():
        return one.is_file() and two.is_file() and file_digest(one) == file_digest(two)
    names = [{path.relative_to(root) for path in root.rglob("*") if path.is_file()} for root in (one, two)]
    return names[0] == names[1] and all(file_digest(one / name) == file_digest(two / name) for name in names[0])


def refuse_existing(path: Path, what: str, overwrite: bool, mark: Mark | None = None, word: str = "--out") -> None:
    """Raise OutputExistsError if `path` is a file or a folder that is not empty, unless `overwrite`.

    With the `mark` of a folder, even `overwrite` removes nothing that the same command did not write. `word` is what
    the command line calls the path.
    """
    in_the_way = path.is_file() or (path.is_dir() and any(path.iterdir()))
    if in_the_way and not overwrite:
        raise OutputExistsError(
            f"{path}: already exists and is not {what} of these inputs and options; "
            f"choose another {word}, or replace it with --overwrite"
        )
    if mark is None or not in_the_way:
        return
    if path.is_file():
        raise OutputExistsError(f"{path}: is a file where a folder is needed; choose another {word}")
    foreign = mark.foreign(path)
    if foreign is not None:
        raise OutputExistsError(
            f"{path}: holds {foreign}, which is no part of {what}, so --overwrite does not replace it; "
            f"move it away, or choose another {word}"
        )


def _files_below(folder: Path) -> Iterator[str]:
    """The names of all files below a folder, sorted folder by folder, without litter and our unfinished files."""
    for above, folders, files in os.walk(folder):
        links = [name for name in folders if Path(above, name).is_symlink()]
        folders.sort()
        for name in sorted(files + links):
            if name not in _LITTER and not (name.startswith(".") and PARTIAL_SUFFIX in name):
                yield Path(above, name).relative_to(folder).as_posix()


def _begins_with(path: Path, text: str) -> bool:
    """Whether the first bytes of a file contain a text."""
    try:
        with path.open("rb") as stream:
            return text.encode() in stream.read(_SIGN_BYTES)
    except OSError:
        return False


def _refuse_in_use(folder: Path) -> None:
    """Raise OutputExistsError if `folder` cannot be renamed: a mounted disk, or above the working directory."""
    if not folder.is_dir():
        return
    place, here = folder.resolve(), Path.cwd()
    what = "is a mounted disk" if os.path.ismount(place) else "is where you are" if place == here else None
    what = "holds the folder where you are" if what is None and place in here.parents else what
    if what is not None:
        raise OutputExistsError(f"{folder}: {what}, so it cannot be replaced as a whole; choose a folder inside it")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputExistsError(f"{folder}: is a file where a folder is needed; choose another --out") from error
    except OSError as error:
        raise InputError(f"{folder}: cannot be created ({error.strerror}); choose another --out") from error


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
