"""Exported models read without torch: what an .onnx, .h5 or .pt2 says of itself, and the weights of an .h5.

All three carry two entries of ours: `terrazzo`, the JSON of the model's header, and `terrazzo_key`, the hash of what
the file was made from. docs/reference/model-file.md describes the three layouts.
"""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError, ModelFileError
from terrazzo.system.extras import need

if TYPE_CHECKING:
    import h5py

ONNX, HDF5, PT2 = ".onnx", ".h5", ".pt2"
HEADER, KEY = "terrazzo", "terrazzo_key"
FREE_SIZE = "terrazzo_free_size"
"""There where an ONNX graph takes any height and width, whatever single ones it declares."""
WEIGHTS = "weights"
PT2_NOTES = "terrazzo.json"

Notes = Mapping[str, str]


def is_exported(path: Path) -> bool:
    """Whether the name is that of an exported model."""
    return path.suffix.lower() in _READERS


def read_notes(path: Path) -> Notes:
    """The entries of text that an exported model carries, `terrazzo` and `terrazzo_key` among them.

    Raises ModelFileError where the file is damaged or another program's, InputError where the package that reads it is
    not installed.
    """
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    notes = _READERS[path.suffix.lower()](path)
    if HEADER not in notes or KEY not in notes:
        raise ModelFileError(
            f"{path}: was not written by `terrazzo export`, so its classes and input are unknown; "
            "export a model.safetensors that `terrazzo train` wrote"
        )
    return notes


def read_hdf5_weights(path: Path) -> dict[str, NDArray[np.generic]]:
    """The weights of an .h5 by the names that the network gives them. Raises ModelFileError where it is damaged."""
    weights: dict[str, NDArray[np.generic]] = {}

    def take(name: str, item: "h5py.Group | h5py.Dataset") -> None:
        if hasattr(item, "dtype"):
            weights[name.replace("/", ".")] = np.asarray(item[()])

    with _hdf5(path) as file:
        file[WEIGHTS].visititems(take)
    return weights


def _onnx_notes(path: Path) -> Notes:
    need("onnx", "onnx", "onnxruntime", for_what=f"{path}: reading an ONNX file")
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped, unused-ignore]

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise ModelFileError(f"{path}: is not an ONNX file, or was cut short; export the model anew") from error
    return {entry.key: entry.value for entry in model.metadata_props}


def _hdf5_notes(path: Path) -> Notes:
    with _hdf5(path) as file:
        notes = {name: str(value) for name, value in file.attrs.items() if isinstance(value, str)}
        if HEADER in file:
            notes[HEADER] = file[HEADER].asstr()[()]
        return notes


@contextmanager
def _hdf5(path: Path) -> "Iterator[h5py.File]":
    need("hdf5", "h5py", for_what=f"{path}: reading an HDF5 file")
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        what = "is cut short" if "truncated" in str(error) else "is damaged, or not an HDF5 file of `terrazzo export`"
        raise ModelFileError(f"{path}: {what}; export the model anew") from error


def _pt2_notes(path: Path) -> Notes:
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((name for name in archive.namelist() if name.endswith(f"/extra/{PT2_NOTES}")), None)
            notes = {} if name is None else json.loads(archive.read(name))
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelFileError(f"{path}: is not a .pt2 file, or was cut short; export the model anew") from error
    return {str(key): str(value) for key, value in notes.items()} if isinstance(notes, dict) else {}


_READERS: dict[str, Callable[[Path], Notes]] = {ONNX: _onnx_notes, HDF5: _hdf5_notes, PT2: _pt2_notes}
