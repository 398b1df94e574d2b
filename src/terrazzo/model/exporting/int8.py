"""A graph in int8: quantized by what its layers hold for training patches, and scored on the validation patches.

It is onnxruntime's static quantization: 7-bit weights by output channel, 8-bit activations between the extremes that
64 training patches showed (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html). OpenVINO
reads the same graph.
"""

import logging
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from terrazzo.errors import ExportError
from terrazzo.model.exporting.formats import FREE_SIZE, HEADER, OPENVINO_IR, Notes
from terrazzo.model.exporting.int8_options import Int8Options
from terrazzo.model.exporting.onnx_file import OnnxFile
from terrazzo.model.exporting.onnx_graph import write_onnx
from terrazzo.model.exporting.parity import TOLERANCE
from terrazzo.model.exporting.portable import INPUT, Graph
from terrazzo.model.header import Int8
from terrazzo.model.onnx_model import OnnxModel, load_onnx
from terrazzo.model.scoring.mean_iou import mean_iou
from terrazzo.system.devices import INT8
from terrazzo.system.reporting import how_many

N_CALIBRATION = 64
"""Training patches whose values set the ranges of the activations."""
QUANTIZED = ("Conv", "Clip", "Relu", "MaxPool")
"""The operations that are computed in int8. With Clip and Relu a convolution is rounded behind them, not before.

Sums, concatenations and enlargements stay in float32: rounded, they cost U-Net EfficientNet-Lite0 two points of mean
IoU. So do the normalization in front, where a value may be missing; the last convolution, whose logits decide between
classes; and softmax, of which 8 bits would make ties.
"""
NORMALIZER = "/normalizer/"
"""What the names of the nodes that normalize the image begin with: the module of `Portable`."""


def write_int8(path: Path, graph: Graph, notes: Notes, options: Int8Options) -> tuple[float, Int8 | None]:
    """Write the network in int8 as an .onnx, or an .xml with its .bin, by the name of `path`.

    Gives how far the float32 graph that it is made of is from the model, and what int8 cost: None if that graph is too
    far. Raises ExportError if int8 costs more than the options allow.
    """
    with tempfile.TemporaryDirectory() as folder:
        float32, int8 = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        difference = write_onnx(float32, graph, notes)
        if not difference <= TOLERANCE:
            return difference, None
        quantize(float32, int8, options)
        cost = _cost(float32, int8, path.suffix, options)
        _refuse(cost, options)
        noted = {**notes, HEADER: replace(graph.model.header, int8=cost).to_json()}
        if path.suffix == OPENVINO_IR:
            from terrazzo.model.exporting.openvino_ir import save_ir

            save_ir(int8, path, noted)
        else:
            file = OnnxFile.read(int8)
            file.note(noted)
            path.write_bytes(file.to_bytes())
    return difference, cost


def quantize(float32: Path, int8: Path, options: Int8Options) -> None:
    """Write the graph of an .onnx in int8, with its text entries and its declared size."""
    model = load_onnx(float32)
    original = OnnxFile.read(float32)
    side = original.declared_side
    if FREE_SIZE in original.notes:  # the patches need not have the size that it declares
        original.free_size()
    free = float32.with_stem("free")
    free.write_bytes(original.to_bytes())
    with _muted():
        quantize_static(
            free,
            int8,
            _Images(model, options),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTIZED),
            nodes_to_exclude=_in_float32(free),
            per_channel=True,
            reduce_range=True,  # of weights to 7 bits: sums of two products overflow 16 bits on CPUs without VNNI
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    written = OnnxFile.read(int8)
    if side is not None:
        written.declare_side(side)
    written.note(original.notes)
    int8.write_bytes(written.to_bytes())


def _in_float32(graph: Path) -> list[str]:
    """The names of the last convolution and of the nodes that normalize the image."""
    nodes = onnx.load(graph, load_external_data=False).graph.node
    convolutions = [node.name for node in nodes if node.op_type == "Conv"]
    return [*convolutions[-1:], *(node.name for node in nodes if node.name.startswith(NORMALIZER))]


class _Images(CalibrationDataReader):  # type: ignore[misc, unused-ignore]
    """Training patches, one after the other, as the graph takes them."""

    def __init__(self, model: OnnxModel, options: Int8Options) -> None:
        self._feeds = self._images(model, options)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next patch; None behind the last."""
        return next(self._feeds, None)

    @staticmethod
    def _images(model: OnnxModel, options: Int8Options) -> Iterator[dict[str, NDArray[np.float32]]]:
        rows = options.calibrating(N_CALIBRATION)
        for done, row in enumerate(rows, start=1):
            yield {INPUT: model.image_of(options.patches.pixels([int(row)]).transpose(0, 3, 1, 2))}
            options.reporter.progress("measuring the network's values", done, len(rows))


def _cost(float32: Path, int8: Path, suffix: str, options: Int8Options) -> Int8:
    """The mean IoU of both graphs on the validation patches, in the runtime that the export is for."""
    rows = options.scoring

    def scored(path: Path, precision: str) -> float:
        model, what = _opened(path, suffix, precision), f"scoring {path.stem}"
        return mean_iou(model.classify, options.patches, rows, what, options.reporter.progress)

    return Int8(scored(float32, "32"), scored(int8, INT8), len(rows), options.patches.content_hash)


def _opened(path: Path, suffix: str, precision: str) -> OnnxModel:
    if suffix != OPENVINO_IR:
        return load_onnx(path)
    from terrazzo.model.runtimes.openvino_graph import load_openvino

    return load_openvino(path, precision)


def _refuse(cost: Int8, options: Int8Options) -> None:
    """Raise ExportError if int8 costs more mean IoU than allowed."""
    if not cost.points <= options.worst:
        raise ExportError(
            f"--int8: {cost.words}, on the {how_many(cost.n_patches, 'validation patch')} of {options.patches.path}: "
            f"a loss of {cost.points:.1f} points, more than {options.worst:g}; nothing was written; "
            f"allow it with --worst {math.ceil(round(10 * cost.points, 6)) / 10:g}, or export without --int8"
        )


@contextmanager
def _muted() -> Iterator[None]:
    """Mute the quantizer's advice to optimize the graph first: the exporter did."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
