"""The photos and rasters that the inputs of a prediction name.

Inputs are files, folders with their sub-folders, patterns that no shell has expanded, web addresses of rasters, and
several rasters as one (`rgb=ortho.tif,dsm=height.tif`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from terrazzo.errors import ImageError, InputError
from terrazzo.maps.label_folders import FOLDERS, labels_among
from terrazzo.maps.other_inputs import no_such_file, other_kind
from terrazzo.pixels.rasters.beside import placed_by
from terrazzo.pixels.rasters.elsewhere import address_of
from terrazzo.pixels.rasters.formats import driver_of
from terrazzo.pixels.rasters.remote import Url
from terrazzo.pixels.rasters.stacks.pairing import stacks_of
from terrazzo.pixels.rasters.stacks.spec import RasterPath, StackSpec, stack_spec
from terrazzo.pixels.signatures import TIFF
from terrazzo.pixels.suffixes import PHOTO_SUFFIXES, RASTER_SUFFIXES, REMOTE_SUFFIXES, VIRTUAL
from terrazzo.system.patterns import is_pattern, matching
from terrazzo.system.places import Place, local_path
from terrazzo.system.reporting import Say, how_many, quiet

_BY_STEM = (*REMOTE_SUFFIXES, VIRTUAL, *PHOTO_SUFFIXES)
"""Suffixes that the names of maps lack."""


@dataclass(frozen=True)
class PictureFile:
    """A photo to map, and its name below the input that it was found in: `north/a.jpg`."""

    path: Path
    name: PurePosixPath

    @property
    def output(self) -> PurePosixPath:
        """The beginning of its maps' names: `north/a`."""
        return self.name.with_suffix("")

    def read(self) -> bytes:
        """The bytes of the file. Raises ImageError if it cannot be read, or is a TIFF under another name."""
        try:
            raw = self.path.read_bytes()
        except OSError as error:
            raise ImageError(f"{self.path}: cannot be read ({error.strerror})") from error
        if raw.startswith(TIFF):
            raise ImageError(f"{self.path}: is a TIFF by its content; rename it to {self.path.stem}.tif")
        return raw


@dataclass(frozen=True)
class RasterFile:
    """A raster to map, and its name below the input that it was found in: `north/a.tif`."""

    path: RasterPath
    name: PurePosixPath

    @property
    def output(self) -> PurePosixPath:
        """The name of its map: `north/a`, or `north/a.img` of a format that often lies beside a GeoTIFF of its name."""
        return self.name.with_suffix("") if self.name.suffix.lower() in _BY_STEM else self.name

    def folder(self, out: Place) -> Place:
        """Where its map goes: `out/north/a`."""
        return out / self.output


File = TypeVar("File", PictureFile, RasterFile)


@dataclass(frozen=True)
class FoundPictures:
    """What the inputs hold: photos, rasters, and other files in folders."""

    pictures: tuple[PictureFile, ...]
    rasters: tuple[RasterFile, ...]
    ignored: int
    """How many files in folders are hidden, or neither photo nor raster."""


def find_pictures(inputs: Sequence[str | Path], out: Path, say: Say = quiet) -> FoundPictures:
    """The photos and rasters of files, folders, patterns and web addresses, each once; sorted in folders and patterns.

    An `out` inside a folder is skipped. Masks beside images of their names are left out, and `say` gets a line.

    Raises InputError if an input does not exist, is a file of another kind or holds nothing to map, and if two maps
    would be written under one name.
    """
    if not inputs:
        raise InputError("no image given; name at least one image file or folder")
    files: list[PictureFile | RasterFile] = []
    ignored = 0
    for word in inputs:
        found, others = _found(word, out, say)
        files += found
        ignored += others
    if not files:
        raise InputError(f"{', '.join(map(str, inputs))}: holds no image; expected {_expected()} files")
    pictures = [file for file in files if isinstance(file, PictureFile)]
    rasters = [file for file in files if isinstance(file, RasterFile)]
    return FoundPictures(_unique(pictures, "_classes.png"), _unique(rasters, "/classes.tif"), ignored)


def _found(word: str | Path, out: Path, say: Say) -> tuple[list[PictureFile | RasterFile], int]:
    """The photos and rasters that one input names, and how many other files there are."""
    url = address_of(word)
    if url is not None:
        return [_remote_file(url)], 0
    several = stack_spec(word)
    if several is not None:
        return _stacks(several, out)
    path = local_path(word)
    if path.is_dir():
        if _same(path, out):
            raise InputError(f"--out {out}: is the folder of the images itself; choose another")
        among, others = _among(_files(path, out), path, PHOTO_SUFFIXES + RASTER_SUFFIXES)
        return _without_labels(among, path, say), others
    if path.exists() or not is_pattern(path):
        return [_one_file(path)], 0
    folder, files = matching(path)
    # As in a folder, but that a pattern which ends in .vrt names virtual rasters itself.
    suffixes = PHOTO_SUFFIXES + RASTER_SUFFIXES + ((VIRTUAL,) if path.suffix.lower() == VIRTUAL else ())
    found = _among((file for file in files if not _inside(file, out)), folder, suffixes)
    if not found[0]:
        raise InputError(f"{path}: no image matches this pattern; expected {_expected()} files")
    return found


def _stacks(several: StackSpec, out: Path) -> tuple[list[PictureFile | RasterFile], int]:
    """The stacks that one input names, and how many files of its folders have no partner in the first."""
    stacks = stacks_of(several, out)
    if stacks.missing:
        raise InputError(
            f"{stacks.missing[0]}: has no partner of its name in each part of {several} "
            f"({how_many(len(stacks.missing), 'such file')}); name the files alike, or take it away"
        )
    return [RasterFile(path, name) for name, path in stacks.found], len(stacks.surplus)


def _among(
    files: Iterable[Path], folder: Path, suffixes: tuple[str, ...]
) -> tuple[list[PictureFile | RasterFile], int]:
    """The photos and rasters among files below a folder, and how many others there are, hidden ones included."""
    found: list[PictureFile | RasterFile] = []
    others = 0
    for file in files:
        name = PurePosixPath(file.relative_to(folder).as_posix())
        if any(part.startswith(".") for part in name.parts) or file.suffix.lower() not in suffixes:
            others += 1
        else:
            found.append(_by_suffix(file, name))
    return found, others


def _without_labels(files: list[PictureFile | RasterFile], folder: Path, say: Say) -> list[PictureFile | RasterFile]:
    labels = labels_among([file.name for file in files])
    if labels:
        which = f"{how_many(len(labels), 'file')} in folders named {' or '.join(FOLDERS)}, as {folder / min(labels)}"
        say(f"{folder}: {which}, not mapped: images of their names lie beside them")
    return [file for file in files if file.name not in labels]


def _by_suffix(path: Path, name: PurePosixPath) -> PictureFile | RasterFile:
    """A photo, or a raster; a photo that a file beside it places on the ground is a raster."""
    is_photo = path.suffix.lower() in PHOTO_SUFFIXES and placed_by(path) is None
    return PictureFile(path, name) if is_photo else RasterFile(path, name)


def _one_file(path: Path) -> PictureFile | RasterFile:
    if not path.exists():
        raise no_such_file(path)
    if path.suffix.lower() not in PHOTO_SUFFIXES and driver_of(path) is None:
        raise other_kind(path)
    return _by_suffix(path, PurePosixPath(path.name))


def _remote_file(url: Url) -> RasterFile:
    if url.suffix.lower() not in REMOTE_SUFFIXES:
        expected = ", ".join(REMOTE_SUFFIXES)
        raise InputError(f"{url}: is not a raster by its name; addresses of {expected} are read, download others")
    return RasterFile(url, PurePosixPath(url.name))


def _files(folder: Path, out: Path) -> Iterable[Path]:
    """All files below a folder in a fixed order, except those in an `out` inside it."""
    out_inside = folder.resolve() in out.resolve().parents
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not (out_inside and _inside(file, out)):
            yield file


def _inside(file: Path, folder: Path) -> bool:
    return folder.resolve() in file.resolve().parents


def _unique(files: Iterable[File], written_to: str) -> tuple[File, ...]:
    """The files, no two with one output name. File systems that take A and a for the same count as well."""
    by_output: dict[str, File] = {}
    for file in files:
        other = by_output.setdefault(str(file.output).casefold(), file)
        if not _same(other.path, file.path):
            raise InputError(
                f"{other.path} and {file.path} would both be written to {file.output}{written_to}; "
                "rename one, or predict them into different folders"
            )
    return tuple(by_output.values())


def _same(first: RasterPath, second: RasterPath) -> bool:
    if isinstance(first, Path) and isinstance(second, Path):
        return first.resolve() == second.resolve()
    return first == second


def _expected() -> str:
    return ", ".join(suffix.removeprefix(".") for suffix in (*PHOTO_SUFFIXES, *RASTER_SUFFIXES))
