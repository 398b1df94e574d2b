"""Graphs for runtimes other than torch, converted from model files once and kept in the user's cache folder.

A graph is named by the SHA-256 of the model file that it was made from, so a changed model is converted anew. It is
the graph that the file holds, with its weights; of a file without one what `terrazzo export --format onnx` writes.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from terrazzo.errors import InputError, ModelFileError
from terrazzo.model.exporting.formats import ONNX, OPENVINO_IR, format_of
from terrazzo.system.cache import cache_folder
from terrazzo.system.devices import OPENVINO, TORCH
from terrazzo.system.extras import installed, need_torch
from terrazzo.system.files import write_beside

FOLDER = "graphs-1"
"""The folder in the cache. Its number changes with what the exporter writes."""

Opened = TypeVar("Opened")


def refuse_other_graphs(model: Path, runtime: str) -> None:
    """Raise InputError for a graph that only another runtime runs."""
    if model.suffix.lower() == OPENVINO_IR and runtime != OPENVINO:
        raise InputError(f"--runtime {runtime}: {model} is a graph for openvino; leave --runtime out")


def sha256_of(model: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with model.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def holds_graph(model: Path) -> bool:
    """Whether a file is a model.safetensors with a graph inside."""
    if format_of(model) is not None or not model.is_file():
        return False
    from terrazzo.model.exporting.stored_graph import has_graph

    return has_graph(model)


def check_convertible(model: Path, runtime: str) -> None:
    """Raise InputError or ModelFileError unless a model is a graph, holds one, or can be converted here."""
    exported = format_of(model)
    if (exported is not None and exported.holds == "graph") or not model.is_file() or holds_graph(model):
        return
    if not installed(TORCH) and exported is None:
        from terrazzo.model.exporting.stored_graph import check_graph

        check_graph(model)
    need_torch(f"--runtime {runtime}: converting {model}", "segmentation_models_pytorch", "onnx")


def graph_of(model: Path) -> Path:
    """The graph of a model: an export itself, or the one in the cache, which is made now if it is not there.

    Raises ExportError if the network cannot be converted, or its graph computes something else.
    """
    exported = format_of(model)
    if exported is not None and exported.holds == "graph":
        return model
    path = cache_folder() / FOLDER / f"{sha256_of(model)}{ONNX}"
    if path.is_file():
        return path
    if holds_graph(model):
        from terrazzo.model.exporting.stored_graph import write_whole

        with write_beside(path) as temporary:
            write_whole(model, temporary)
    else:
        from terrazzo.model.exporting.export import export

        export(model, format="onnx", out=path)
    return path


def with_graph(model: Path, open_graph: Callable[[Path], Opened]) -> Opened:
    """What `open_graph` gives for the graph of a model; a damaged graph in the cache is made again."""
    graph = graph_of(model)
    try:
        return open_graph(graph)
    except ModelFileError:
        if graph == model:
            raise
        graph.unlink(missing_ok=True)
        return open_graph(graph_of(model))


def forget_graphs() -> int:
    """Remove all converted graphs; how many there were."""
    folder = cache_folder() / FOLDER
    count = len(list(folder.glob(f"*{ONNX}")))
    shutil.rmtree(folder, ignore_errors=True)
    return count
