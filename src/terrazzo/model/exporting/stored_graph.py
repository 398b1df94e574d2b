"""The graph that lies in a model.safetensors beside its weights, so that the one file maps without torch.

It is an ONNX graph whose weights are those of the same file, by their names. It stands, compressed, among the text
entries: versions that do not know it leave it alone. `graph_making` writes it.
"""

import base64
import binascii
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import ModelFileError
from terrazzo.model.exporting.formats import FREE_SIZE, HEADER, KEY
from terrazzo.model.exporting.onnx_file import OnnxFile
from terrazzo.model.header import read_header, text_entries
from terrazzo.system.files import file_digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GRAPH_KEY = "terrazzo_graph"
NO_GRAPH = (
    "{path}: holds no graph (an earlier version wrote it), so only torch runs it; "
    'install it with `pip install "terrazzo[train]"`, or map with the .onnx that `terrazzo export` makes of it'
)


@dataclass(frozen=True)
class StoredGraph:
    """A graph, and the size of its entry in the file."""

    onnx: OnnxFile
    n_bytes: int

    @property
    def words(self) -> str:
        """`graph: 18.6 KB, by which onnxruntime maps without torch`, and the size of windows if it takes one alone."""
        side = self.onnx.declared_side
        of_size = "" if side is None else f", in windows of {side} px"
        return f"graph: {self.n_bytes / 1000:.1f} KB, by which onnxruntime maps without torch{of_size}"


def packed(graph: bytes) -> str:
    """The entry of a graph: base64 of its zlib stream. Equal graphs give equal entries."""
    return base64.b64encode(zlib.compress(graph, 9)).decode()


def has_graph(path: Path) -> bool:
    """Whether a model.safetensors holds a graph. Raises ModelFileError if it is damaged."""
    return GRAPH_KEY in text_entries(path)


def check_graph(path: Path) -> None:
    """Raise ModelFileError if a model.safetensors is damaged or holds no graph."""
    if not has_graph(path):
        raise ModelFileError(NO_GRAPH.format(path=path))


def read_graph(path: Path) -> StoredGraph | None:
    """The graph in a model.safetensors; None in files that hold none. Raises ModelFileError if it is damaged."""
    entry = text_entries(path).get(GRAPH_KEY)
    if entry is None:
        return None
    damaged = f"{path}: its graph is damaged; copy or train the model again"
    try:
        graph = zlib.decompress(base64.b64decode(entry, validate=True))
    except (binascii.Error, zlib.error) as error:
        raise ModelFileError(damaged) from error
    return StoredGraph(OnnxFile(graph, damaged), len(entry))


def read_weights(path: Path, graph: StoredGraph) -> "dict[str, NDArray[np.generic]]":
    """The weights that the graph takes, by name. Raises ModelFileError if the file lacks one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return {name: file.get_tensor(name) for name in graph.onnx.weights_elsewhere}
    except SafetensorError as error:
        raise ModelFileError(
            f"{path}: its weights do not fit its graph; the file was changed, train it again"
        ) from error


def write_whole(path: Path, out: Path) -> None:
    """Write the graph in a model.safetensors as an .onnx of its own, with its weights and the notes of an export."""
    graph = read_graph(path)
    if graph is None:
        raise ModelFileError(NO_GRAPH.format(path=path))
    free = {FREE_SIZE: "true"} if graph.onnx.declared_side is None else {}
    graph.onnx.hold({name: weight.tobytes() for name, weight in read_weights(path, graph).items()})
    graph.onnx.note({**free, KEY: file_digest(path), HEADER: read_header(path).without_familiarity().to_json()})
    out.write_bytes(graph.onnx.to_bytes())
