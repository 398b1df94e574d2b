"""Making the graph that a model.safetensors holds beside its weights (`stored_graph`).

Each weight of the graph is a tensor of the file. So batch normalization is not folded into the convolutions as in an
.onnx; onnxruntime folds it when it opens the graph. The graph takes any height and width that are multiples of 32.
Where a network does not, as one with pooling to fixed sizes, it takes its window alone.
"""

from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from terrazzo.model.exporting.onnx_graph import TROUBLE, traced, unlogged
from terrazzo.model.exporting.parity import TOLERANCE, greatest_difference
from terrazzo.model.exporting.portable import INPUT, Graph
from terrazzo.model.header import Header
from terrazzo.model.network import Network, build_model
from terrazzo.model.onnx_model import open_session
from terrazzo.model.predictor import STRIDE
from terrazzo.model.windows.tiling import plan

_SMALL = 2 * STRIDE
"""Height and width that a graph of free size is traced with: the size does not change it."""

State = dict[str, Tensor]


@dataclass(frozen=True)
class _Trained:
    """Header and network of the model that is saved."""

    header: Header
    network: Network


def graph_of(header: Header, state: State) -> bytes | None:
    """The graph of the network with these weights, which it names and does not hold; equal networks give equal bytes.

    It was run by onnxruntime with the weights, and its probabilities differ by at most 1e-4 from torch's. None if
    there is no such graph.
    """
    with unlogged():
        try:
            model = _Trained(header, _network(header, state))
        except TROUBLE:  # weights of another network, which `bundle.load` refuses
            return None
        window = -(-plan(header).window // STRIDE) * STRIDE
        return _checked(Graph(model, _SMALL, True), state) or _checked(Graph(model, window, False), state)


def _network(header: Header, state: State) -> Network:
    with torch.random.fork_rng(devices=[]):  # the random weights it begins with are no part of the caller's draws
        network = build_model(header.model, header.bands, header.schema.n_classes, header.normalization)
    network.temperature = header.temperature
    network.load_state_dict(state)
    return network.eval()


def _checked(graph: Graph, state: State) -> bytes | None:
    """The graph without its weights; None if it cannot be made, or computes something else."""
    try:
        model = traced(graph, free=graph.dynamic, fold=False)
        weights = _taken_out(model, state)
        content = model.SerializeToString()
        session = open_session(content, weights=weights)
        shapes = graph.other_shapes() if graph.dynamic else [graph.shape(), graph.shape(2)]

        def written(image: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.asarray(session.run(None, {INPUT: image})[0])

        difference = greatest_difference(graph.expected, written, shapes, graph.levels)
    except TROUBLE:
        return None
    return content if difference <= TOLERANCE else None


def _taken_out(model: onnx.ModelProto, state: State) -> dict[str, NDArray[np.generic]]:
    """Take the weights that the state has out of a graph; what they are."""
    weights = {}
    for tensor in model.graph.initializer:
        if tensor.name in state:
            weights[tensor.name] = state[tensor.name].numpy()
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            # The format wants a place. Nobody reads there: the weights are handed over by name.
            tensor.external_data.add(key="location", value="model.safetensors")
    for node in model.graph.node:
        node.ClearField("doc_string")
    return weights
