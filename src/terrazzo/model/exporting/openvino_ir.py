"""The network as an OpenVINO model: an .xml with the header, and the weights in a .bin of the same name beside it."""

import tempfile
from pathlib import Path

import openvino

from terrazzo.model.exporting.formats import FREE_SIZE, Notes
from terrazzo.model.exporting.onnx_graph import write_onnx
from terrazzo.model.exporting.portable import Graph
from terrazzo.model.onnx_model import load_onnx


def write_openvino(path: Path, graph: Graph, notes: Notes) -> float:
    """Write both files, weights in float32; the largest difference found in the probabilities.

    The graph is that of an .onnx, whose check it has passed. The .bin lies beside `path`.
    """
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder) / "graph.onnx"
        difference = write_onnx(onnx, graph, notes)
        save_ir(onnx, path, notes)
    return difference


def save_ir(onnx: Path, path: Path, notes: Notes) -> None:
    """Write an .onnx as both files; its weights keep their types."""
    free = load_onnx(onnx).window is None
    model = openvino.Core().read_model(onnx)
    for name, text in {**notes, **({FREE_SIZE: "true"} if free else {})}.items():
        model.set_rt_info(text, [name])
    openvino.save_model(model, path, compress_to_fp16=False)
