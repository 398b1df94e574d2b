"""Public data sets by name, downloaded through kagglehub with its credentials and cache.

This project ships and mirrors no data. A data set comes from where it is published, under its own licence.
"""

import shutil
import sys
import zipfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Annotated

from terrazzo.errors import InputError, OutputExistsError
from terrazzo.system.extras import need
from terrazzo.system.files import Mark, refuse_existing, same_content, write_folder_beside
from terrazzo.system.options import Option, Overwrite
from terrazzo.system.reporting import Say, quiet

Download = Callable[[str], str]
"""The path of the folder that holds the data set of a Kaggle handle, as `kagglehub.dataset_download` gives it."""


@dataclass(frozen=True)
class PublicData:
    """A data set that can be downloaded by name."""

    handle: str
    """OWNER/NAME on Kaggle."""
    licence: str

    @property
    def page(self) -> str:
        """The page that describes it, for a download by hand."""
        return f"https://www.kaggle.com/datasets/{self.handle}"


PUBLIC_DATA: Mapping[str, PublicData] = {
    "dubai": PublicData(
        "humansintheloop/semantic-segmentation-of-aerial-imagery",
        "CC0 1.0, public domain; by Humans in the Loop and the Mohammed Bin Rashid Space Centre",
    ),
    "drone": PublicData(
        "bulentsiyah/semantic-drone-dataset",
        "non-commercial use only (research, teaching, personal), not to be passed on; by the Institute of Computer "
        "Graphics and Vision, TU Graz (http://dronedataset.icg.tugraz.at)",
    ),
}
"""The data sets that `download` knows, by name."""


@dataclass(frozen=True)
class Fetched:
    """A downloaded data set and its licence."""

    name: str
    path: Path
    licence: str
    kept: bool
    """Whether the folder `out` held the same files already."""


def download(
    name: Annotated[str, Option("dubai or drone.")],
    *,
    out: Annotated[str | Path | None, Option("Folder for a copy; if not given, kagglehub's cache alone.")] = None,
    overwrite: Overwrite = False,
    say: Say = quiet,
) -> Fetched:
    """Fetch a public data set, `dubai` or `drone`, into kagglehub's cache, and copy it to a folder if wanted.

    What is in the cache is not downloaded again. Raises InputError, naming the page for a download by hand, where
    kagglehub, the network or the credentials are missing; OutputExistsError where something else is at `out`.
    """
    return fetch(name, None if out is None else Path(out), overwrite, say)


def fetch(name: str, out: Path | None, overwrite: bool, say: Say, get: Download | None = None) -> Fetched:
    """The result of `download`; tests give `get` in place of `kagglehub.dataset_download`."""
    data = PUBLIC_DATA.get(name)
    if data is None:
        raise InputError(f"{name}: no such data set; there are {', '.join(PUBLIC_DATA)}")
    if out is not None and out.is_file():
        raise OutputExistsError(f"{out}: is a file; --out takes a folder")
    say(f"fetching {data.page} through kagglehub; licence: {data.licence}")
    cached = _get(data, get)
    if out is None:
        return Fetched(name, cached, data.licence, False)
    if out.is_dir() and not overwrite and same_content(cached, out):
        return Fetched(name, out, data.licence, True)
    mark = Mark(tuple(path.relative_to(cached).as_posix() for path in cached.rglob("*") if path.is_file()))
    refuse_existing(out, f"a copy of the data set {name}", overwrite, mark)
    with write_folder_beside(out) as folder:
        shutil.copytree(cached, folder, dirs_exist_ok=True)
    return Fetched(name, out, data.licence, False)


def _get(data: PublicData, get: Download | None) -> Path:
    """The data set's folder in the cache. Raises InputError with the page where it cannot be downloaded."""
    if get is None:
        try:
            need("download", "kagglehub", for_what="download")
        except InputError as error:
            raise InputError(f"{error}, or {_by_hand(data)}") from error
    try:
        with redirect_stdout(sys.stderr):  # kagglehub writes to stdout, which is for results
            path = Path((get or _kagglehub())(data.handle))
    except _troubles() as error:
        reason = shorten(f"{type(error).__name__}: {error}", 120, placeholder=" ...")
        raise InputError(
            f"{data.handle}: kagglehub could not fetch it ({reason}); look at the network and at Kaggle's "
            f"credentials, or {_by_hand(data)}"
        ) from error
    if not path.is_dir():
        raise InputError(f"{path}: kagglehub says the data set is there, but there is no folder; {_by_hand(data)}")
    return path


def _kagglehub() -> Download:
    import kagglehub

    get: Download = kagglehub.dataset_download
    return get


def _troubles() -> tuple[type[Exception], ...]:
    """The exceptions of kagglehub; those of requests (network, HTTP) are OSErrors."""
    from kagglehub import exceptions

    own = (value for value in vars(exceptions).values() if isinstance(value, type) and issubclass(value, Exception))
    return (OSError, ValueError, zipfile.BadZipFile, *own)


def _by_hand(data: PublicData) -> str:
    return f"download it by hand from {data.page} and continue with `terrazzo inspect FILE.zip`"
