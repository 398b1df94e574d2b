"""What a prediction is about: pictures and rasters, files and folders as given, sub-folders included, each by name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from terrazzo.errors import ImageError, InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
PICTURE_NAMES = tuple(suffix.removeprefix(".") for suffix in SUFFIXES)
RASTER_SUFFIXES = (".tif", ".tiff", ".jp2")
VIRTUAL = ".vrt"  # read only where it is named itself: it stands for other files
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class PictureFile:
    """A picture to predict, and its name below the input that it was found in: `north/a.jpg`."""

    path: Path
    name: PurePosixPath

    def read(self) -> bytes:
        """The bytes of the file. Raises ImageError where they cannot be had, or are a TIFF's under another name."""
        try:
            raw = self.path.read_bytes()
        except OSError as error:
            raise ImageError(f"{self.path}: cannot be read ({error.strerror})") from error
        if raw.startswith(_TIFF):
            raise ImageError(f"{self.path}: is a TIFF by its content; rename it to {self.path.stem}.tif")
        return raw


@dataclass(frozen=True)
class RasterFile:
    """A raster to predict, and its name below the input that it was found in: `north/a.tif`."""

    path: Path
    name: PurePosixPath

    def folder(self, out: Path) -> Path:
        """Where its map goes: `out/north/a`."""
        return out / self.name.parent / self.name.stem


File = TypeVar("File", PictureFile, RasterFile)


@dataclass(frozen=True)
class FoundPictures:
    """What the inputs hold: pictures, rasters, and the files of folders that are neither."""

    pictures: tuple[PictureFile, ...]
    rasters: tuple[RasterFile, ...]
    ignored: int
    """Other files in folders, and hidden ones."""


def find_pictures(inputs: Sequence[str | Path], out: Path) -> FoundPictures:
    """The pictures and rasters of files and folders, sorted within each folder; what is named twice is taken once.

    An `out` inside a folder is passed over. Raises InputError where an input does not exist, is a file of
    another kind, or holds nothing to predict, and where two maps would be written to one name.
    """
    if not inputs:
        raise InputError("no image given; name at least one image file or folder")
    pictures: list[PictureFile] = []
    rasters: list[RasterFile] = []
    ignored = 0
    for path in map(Path, inputs):
        if not path.is_dir():
            named = _one_file(path)
            if isinstance(named, RasterFile):
                rasters.append(named)
            else:
                pictures.append(named)
            continue
        if _same(path, out):
            raise InputError(f"--out {out}: is the folder of the images itself; choose another")
        for file in _files(path, out):
            name = PurePosixPath(file.relative_to(path).as_posix())
            hidden = any(part.startswith(".") for part in name.parts)
            if hidden or file.suffix.lower() not in SUFFIXES + RASTER_SUFFIXES:
                ignored += 1
            elif file.suffix.lower() in SUFFIXES:
                pictures.append(PictureFile(file, name))
            else:
                rasters.append(RasterFile(file, name))
    if not pictures and not rasters:
        raise InputError(f"{', '.join(map(str, inputs))}: holds no image; expected {_expected()} files")
    return FoundPictures(_unique(pictures, "_classes.png"), _unique(rasters, "/classes.tif"), ignored)


def _one_file(path: Path) -> PictureFile | RasterFile:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.suffix.lower() in (*RASTER_SUFFIXES, VIRTUAL):
        return RasterFile(path, PurePosixPath(path.name))
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: is not an image by its name; expected {_expected()}")
    return PictureFile(path, PurePosixPath(path.name))


def _files(folder: Path, out: Path) -> Iterable[Path]:
    """All files below a folder in a fixed order, without those of an `out` inside it."""
    out_inside = folder.resolve() in out.resolve().parents
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not (out_inside and out.resolve() in file.resolve().parents):
            yield file


def _unique(files: Iterable[File], written_to: str) -> tuple[File, ...]:
    """The files by output name; also on file systems that do not tell A from a, no two may share one."""
    by_output: dict[str, File] = {}
    for file in files:
        other = by_output.setdefault(str(file.name.with_suffix("")).casefold(), file)
        if not _same(other.path, file.path):
            raise InputError(
                f"{other.path} and {file.path} would both be written to {file.name.with_suffix('')}{written_to}; "
                "rename one, or predict them into different folders"
            )
    return tuple(by_output.values())


def _same(first: Path, second: Path) -> bool:
    return first.resolve() == second.resolve()


def _expected() -> str:
    return ", ".join(suffix.removeprefix(".") for suffix in (*SUFFIXES, *RASTER_SUFFIXES))
