"""The network as an ONNX file: a plain graph that onnxruntime and QGIS tools run.

torch's tracing exporter is used, not the one on `torch.export`. It writes opset 17, which onnxruntime reads from 1.12
on; QGIS plugins ship old versions. It folds batch normalization into the convolutions, and takes seconds instead of
minutes. The parity check finds what tracing could get wrong.
"""

import io
import math
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime import InferenceSession, set_default_logger_severity
from onnxruntime.capi import onnxruntime_pybind11_state as trouble
from torch.onnx import TrainingMode

from terrazzo.errors import ExportError
from terrazzo.model.exporting.formats import FREE_SIZE, Notes
from terrazzo.model.exporting.parity import TOLERANCE, greatest_difference
from terrazzo.model.exporting.portable import INPUT, OUTPUT, Graph
from terrazzo.model.network import NETWORK_ERRORS
from terrazzo.model.onnx_model import load_onnx
from terrazzo.system.reporting import first_line

OPSET = 17
_WARNING, _FATAL = 2, 4  # onnxruntime's levels; the first is its default

TROUBLE = (*NETWORK_ERRORS, trouble.Fail, trouble.InvalidGraph, trouble.InvalidArgument, trouble.RuntimeException)
"""What torch and onnxruntime raise for graphs that they cannot trace or run."""


def write_onnx(path: Path, graph: Graph, notes: Notes) -> float:
    """Write the graph with its metadata; the largest difference found in its probabilities.

    The batch size is free. Height and width are declared as one number unless the graph is dynamic. Nearly all graphs
    take others, too, and `terrazzo predict` uses that. Raises ExportError if there is no graph.
    """
    difference = _write_free(path, graph, notes)
    if graph.dynamic and math.isinf(difference):
        raise ExportError("--dynamic: the graph of this network takes one height and width only; leave it out")
    any_size = graph.dynamic or difference <= TOLERANCE
    if not any_size:
        try:
            _write(path, graph, notes, free=False)
            InferenceSession(path, providers=["CPUExecutionProvider"])
        except TROUBLE as error:
            raise ExportError(
                f"--format onnx: torch cannot trace this network ({first_line(error).split('. ')[0]}); "
                "map with the model.safetensors, which torch runs"
            ) from error
    session = InferenceSession(path, providers=["CPUExecutionProvider"])

    def declared(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {INPUT: image})[0])

    if any_size:  # larger batches were compared at the other sizes
        return max(difference, greatest_difference(graph.expected, declared, [graph.shape()], graph.levels))
    return greatest_difference(graph.expected, declared, [graph.shape(), graph.shape(2)], graph.levels)


def _write_free(path: Path, graph: Graph, notes: Notes) -> float:
    """Write a graph of any height and width; its largest difference, infinity if it cannot be traced or run."""
    with unlogged():
        try:
            _write(path, graph, {FREE_SIZE: "true", **notes}, free=True)
            return greatest_difference(graph.expected, load_onnx(path).probs, graph.other_shapes(), graph.levels)
        except TROUBLE:
            return float("inf")


def _write(path: Path, graph: Graph, notes: Notes, free: bool) -> None:
    model = traced(graph, free)
    if not graph.dynamic:
        for value in (model.graph.input[0], model.graph.output[0]):
            for axis in (2, 3):
                value.type.tensor_type.shape.dim[axis].dim_value = graph.side
    onnx.helper.set_model_props(model, dict(notes))
    onnx.save(model, path)


def traced(graph: Graph, free: bool, fold: bool = True) -> onnx.ModelProto:
    """The graph in the ONNX format; `free`: of any height and width. Raises one of TROUBLE if torch cannot trace it.

    `fold` folds batch normalization into the convolutions. Without it, each weight has the name and the values that it
    has in the network.
    """
    axes = {0: "batch", 2: "height", 3: "width"} if free else {0: "batch"}
    written: Any = io.BytesIO()  # the older exporter takes streams, which its annotations leave out
    with _muted(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing, whose result is checked; of the exporter being the older one
        torch.onnx.export(
            graph.network,
            (graph.example(),),
            written,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: axes, OUTPUT: axes},
            opset_version=OPSET,
            dynamo=False,
            training=TrainingMode.EVAL if fold else TrainingMode.PRESERVE,
            do_constant_folding=fold,
        )
    model = onnx.load_from_string(written.getvalue())
    del model.graph.value_info[:]
    return model


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep onnxruntime silent about graphs that fail, where that is found out and no news for the user."""
    set_default_logger_severity(_FATAL)
    try:
        yield
    finally:
        set_default_logger_severity(_WARNING)


@contextmanager
def _muted() -> Iterator[None]:
    """Mute the standard output of the process: torch's C++ code prints whole graphs when tracing fails."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
