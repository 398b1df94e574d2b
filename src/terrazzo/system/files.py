"""Files that are either whole or absent: write beside, sync, rename; and what counts as finished or in the way.

Law: a reader never sees half an output. A process killed while writing leaves at most a hidden `.NAME.*.partial`
beside the place; that of a folder is removed by the next write to it.

Law of --overwrite: nothing goes that the same command did not write. A command's `Mark` says by which files its folder
is known and which names are its own. A folder that is replaced as a whole must bear the mark and hold nothing else; in
one where other files stay, only the command's own names go, and only where the mark is there.
"""

import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from terrazzo.errors import InputError, OutputExistsError
from terrazzo.system.places import Place


@contextmanager
def writing(path: Place) -> Iterator[None]:
    """Turn what the operating system says against writing (disk full, no permission) into InputError naming `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from error


PARTIAL_SUFFIX = ".partial"

_LITTER = (".DS_Store", "Thumbs.db", "desktop.ini")  # what systems put into a folder that somebody looked at
_SIGN_BYTES = 1 << 16


@dataclass(frozen=True)
class Mark:
    """How a folder is known for the output of one command."""

    names: tuple[str, ...]
    """What the command writes into it: files and folders, the latter with all that is in them."""
    signs: tuple[tuple[str, str], ...] = ()
    """Files, and a text that stands near the start of each; one of them is enough. Empty: the names are."""
    is_whole: bool = True
    """Whether the folder is replaced as a whole; else other files in it stay."""

    def foreign(self, folder: Path) -> str | None:
        """The first file that would go though the command did not write it; None where there is none."""
        signed = not self.signs or any(_begins_with(folder / name, text) for name, text in self.signs)
        own = frozenset(self.names)
        for name in _files_below(folder):
            is_own = name in own or any(above.as_posix() in own for above in PurePosixPath(name).parents)
            if (is_own and not signed) or (self.is_whole and not is_own):
                return name
        return None


@contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success sync it and rename it to `path`, else remove it.

    The temporary name keeps the suffix of `path`, so that writers which look at suffixes work.
    """
    path = Path(path)
    with folder_for(path):
        temporary = path.with_name(f".{path.stem}.{os.getpid()}{PARTIAL_SUFFIX}{path.suffix}")
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def write_folder_beside(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `folder`; on success it takes the place of `folder`, else it is removed.

    What was at `folder` before stays until the new one is complete. Memory maps inside must be closed by the caller
    before the block ends (Windows does not rename over an open map). Raises OutputExistsError where `folder` cannot be
    replaced as a whole.
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
    """Make the folders above `path`; those that were not there go again where the block fails and leaves them empty.

    Raises OutputExistsError where `path` is a device or a pipe: a rename would put the output in its place.
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
    """Yield an empty folder near `path`, on its disk, for what is needed only while it is made; removed in the end.

    It lies in the deepest folder above `path` that is there, so that nothing is created for an output that is refused.
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
    """Put the folder `new` in the place of `folder`; the old content goes away only after the rename."""
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
    """Write `value` as indented JSON, whole or not at all; NaN is not JSON and is refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def digest(*parts: str | bytes) -> str:
    """A stable 32-digit hexadecimal hash of the parts and of where each begins (BLAKE2b, 128 bits)."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        hasher.update(len(raw).to_bytes(8, "little"))
        hasher.update(raw)
    return hasher.hexdigest()


def file_digest(path: Path) -> str:
    """The hash of a file's bytes, read in pieces (BLAKE2b, 128 bits, hexadecimal)."""
    hasher = hashlib.blake2b(digest_size=16)
    with Path(path).open("rb") as stream:
        while piece := stream.read(1 << 20):
            hasher.update(piece)
    return hasher.hexdigest()


def same_content(one: Path, two: Path) -> bool:
    """Whether two files, or two folders with all that is in them, are equal by names and bytes."""
    if one.is_file() or two.is_file():
        return one.is_file() and two.is_file() and file_digest(one) == file_digest(two)
    names = [{path.relative_to(root) for path in root.rglob("*") if path.is_file()} for root in (one, two)]
    return names[0] == names[1] and all(file_digest(one / name) == file_digest(two / name) for name in names[0])


def refuse_existing(path: Path, what: str, overwrite: bool, mark: Mark | None = None) -> None:
    """Raise OutputExistsError where `path` is a file or a folder that is not empty, unless `overwrite`.

    With the `mark` of a folder, even `overwrite` lets nothing go that the same command did not write.
    """
    in_the_way = path.is_file() or (path.is_dir() and any(path.iterdir()))
    if in_the_way and not overwrite:
        raise OutputExistsError(
            f"{path}: already exists and is not {what} of these inputs and options; "
            "choose another --out, or replace it with --overwrite"
        )
    if mark is None or not in_the_way:
        return
    if path.is_file():
        raise OutputExistsError(f"{path}: is a file where a folder is needed; choose another --out")
    foreign = mark.foreign(path)
    if foreign is not None:
        raise OutputExistsError(
            f"{path}: holds {foreign}, which is no part of {what}, so that --overwrite does not replace it; "
            "move it away, or choose another --out"
        )


def _files_below(folder: Path) -> Iterator[str]:
    """The names of all files below a folder, sorted folder by folder, without litter and our own unfinished files."""
    for above, folders, files in os.walk(folder):
        links = [name for name in folders if Path(above, name).is_symlink()]
        folders.sort()
        for name in sorted(files + links):
            if name not in _LITTER and not (name.startswith(".") and PARTIAL_SUFFIX in name):
                yield Path(above, name).relative_to(folder).as_posix()


def _begins_with(path: Path, text: str) -> bool:
    """Whether a text stands among the first bytes of a file."""
    try:
        with path.open("rb") as stream:
            return text.encode() in stream.read(_SIGN_BYTES)
    except OSError:
        return False


def _refuse_in_use(folder: Path) -> None:
    """Raise OutputExistsError where `folder` is a mounted disk or holds the working directory: it cannot be renamed."""
    if not folder.is_dir():
        return
    place, here = folder.resolve(), Path.cwd()
    what = "is a mounted disk" if os.path.ismount(place) else "is where you are" if place == here else None
    what = "holds the folder where you are" if what is None and place in here.parents else what
    if what is not None:
        raise OutputExistsError(f"{folder}: {what}, so it cannot be put in place as a whole; choose a folder inside it")


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
