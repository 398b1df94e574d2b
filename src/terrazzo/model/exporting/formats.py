"""The export formats, one entry each in one registry, and reading the header of an export without torch.

Each export has two text entries of ours: `terrazzo`, the JSON of the model's header, and `terrazzo_key`, a hash of
what it was made from. docs/reference/model-file.md describes the layouts.
"""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from terrazzo.errors import InputError, ModelFileError
from terrazzo.model.exporting.onnx_file import OnnxFile
from terrazzo.system.extras import need

if TYPE_CHECKING:
    import h5py
    import numpy as np
    from numpy.typing import NDArray

    from terrazzo.model.exporting.portable import Graph

HEADER, KEY = "terrazzo", "terrazzo_key"
FREE_SIZE = "terrazzo_free_size"
"""Present if an ONNX graph takes any height and width, whatever it declares."""
INPUT = "terrazzo_input"
"""What the input of an export is, as JSON: its units, pixel type and bands."""
WEIGHTS = "weights"
PT2_NOTES = "terrazzo.json"

Notes = Mapping[str, str]


@dataclass(frozen=True)
class Format:
    """One entry of the registry."""

    name: str
    suffix: str
    title: str
    """For messages."""
    extra: str
    packages: tuple[str, ...]
    """What `extra` installs and the format needs, to read it as well."""
    holds: Literal["graph", "weights"]
    engine: Literal["onnxruntime", "torch", "openvino"] | None
    """What `predict` runs it with; None if `predict` does not take it."""
    read: Callable[[Path], Notes]
    writer: str
    """The module and function that write it, imported on use."""
    for_gis: bool = False
    """It has the metadata that QGIS tools read."""
    written_with: tuple[str, ...] = ()
    """Packages of the extra `train` that writing it takes, besides torch."""
    beside: str | None = None
    """The ending of a second file of the same name, which belongs to it."""
    int8: bool = False
    """Whether its graph may be in int8."""

    def write(self, path: Path, graph: "Graph", notes: Notes) -> float:
        """Write the file; the largest difference of its probabilities from the model's. Raises ExportError."""
        module, function = self.writer.split(":")
        return float(getattr(import_module(f"terrazzo.model.exporting.{module}"), function)(path, graph, notes))


def format_of(path: Path) -> Format | None:
    """The format of an export, by the name of the file; None for other files."""
    return next((each for each in FORMATS.values() if each.suffix == path.suffix.lower()), None)


def read_notes(path: Path) -> Notes:
    """The text entries of an export, `terrazzo` and `terrazzo_key` among them.

    Raises ModelFileError if the file is damaged or from another program, InputError if a package is not installed.
    """
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    format = format_of(path)
    if format is None:
        raise InputError(f"{path}: expected an export, {', '.join(each.suffix for each in FORMATS.values())}")
    need(format.extra, *format.packages, for_what=f"{path}: reading {format.title}")
    notes = format.read(path)
    if HEADER not in notes or KEY not in notes:
        raise ModelFileError(
            f"{path}: was not written by `terrazzo export`, so its classes and input are unknown; "
            "export a model.safetensors that `terrazzo train` wrote"
        )
    return notes


def read_hdf5_weights(path: Path) -> "dict[str, NDArray[np.generic]]":
    """The weights of an .h5 by their names in the network. Raises ModelFileError if it is damaged."""
    import numpy as np

    weights: dict[str, NDArray[np.generic]] = {}

    def take(name: str, item: "h5py.Group | h5py.Dataset") -> None:
        if hasattr(item, "dtype"):
            weights[name.replace("/", ".")] = np.asarray(item[()])

    with _hdf5(path) as file:
        file[WEIGHTS].visititems(take)
    return weights


def _onnx_notes(path: Path) -> Notes:
    return OnnxFile.read(path).notes


def _openvino_notes(path: Path) -> Notes:
    """The entries of rt_info, read as XML."""
    from xml.etree import ElementTree

    try:
        info = ElementTree.parse(path).getroot().find("rt_info")
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{path}: is not an OpenVINO file, or was cut short; export the model again") from error
    return {} if info is None else {entry.tag: entry.get("value", "") for entry in info}


def _hdf5_notes(path: Path) -> Notes:
    with _hdf5(path) as file:
        notes = {name: str(value) for name, value in file.attrs.items() if isinstance(value, str)}
        if HEADER in file:
            notes[HEADER] = file[HEADER].asstr()[()]
        return notes


@contextmanager
def _hdf5(path: Path) -> "Iterator[h5py.File]":
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        what = "is cut short" if "truncated" in str(error) else "is damaged, or not an HDF5 file of `terrazzo export`"
        raise ModelFileError(f"{path}: {what}; export the model again") from error


def _pt2_notes(path: Path) -> Notes:
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((name for name in archive.namelist() if name.endswith(f"/extra/{PT2_NOTES}")), None)
            notes = {} if name is None else json.loads(archive.read(name))
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelFileError(f"{path}: is not a .pt2 file, or was cut short; export the model again") from error
    return {str(key): str(value) for key, value in notes.items()} if isinstance(notes, dict) else {}


FORMATS = {
    each.name: each
    for each in (
        Format("onnx", ".onnx", "an ONNX file", "", (), "graph", "onnxruntime",
               _onnx_notes, "onnx_graph:write_onnx", for_gis=True, written_with=("onnx",), int8=True),
        Format("openvino", ".xml", "an OpenVINO file", "openvino", ("openvino",), "graph", "openvino",
               _openvino_notes, "openvino_ir:write_openvino", written_with=("onnx",), beside=".bin", int8=True),
        Format("h5", ".h5", "an HDF5 file", "hdf5", ("h5py",), "weights", "torch", _hdf5_notes, "hdf5:write_hdf5"),
        Format("pt2", ".pt2", "a .pt2 file", "", (), "graph", None, _pt2_notes, "program:write_pt2"),
    )
}  # fmt: skip
"""The formats by name."""
ONNX = FORMATS["onnx"].suffix
OPENVINO_IR = FORMATS["openvino"].suffix
