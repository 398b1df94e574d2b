"""The network as a .pt2: a program of `torch.export`, for Python and C++ without our code."""

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import Dim

from terrazzo.errors import ExportError
from terrazzo.model.exporting.formats import PT2_NOTES, Notes
from terrazzo.model.exporting.parity import greatest_difference
from terrazzo.model.exporting.portable import INPUT, Graph
from terrazzo.model.network import NETWORK_ERRORS
from terrazzo.system.reporting import first_line


def write_pt2(path: Path, graph: Graph, notes: Notes) -> float:
    """Write the program with its notes as an extra file; the largest difference found in its probabilities.

    The batch size is free. So are height and width of a dynamic graph, as multiples of 32 from 64 on. Raises
    ExportError if torch cannot export the network.
    """
    sizes = {2: 32 * Dim("rows", min=2), 3: 32 * Dim("cols", min=2)} if graph.dynamic else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about itself; the result is checked
            program = torch.export.export(
                graph.network, (graph.example(),), dynamic_shapes={INPUT: {0: Dim("batch"), **sizes}}
            )
            torch.export.save(program, path, extra_files={PT2_NOTES: json.dumps(dict(notes))})
            loaded = torch.export.load(path).module()
    except NETWORK_ERRORS as error:
        flag = "--dynamic" if graph.dynamic else "--format pt2"
        raise ExportError(f"{flag}: torch cannot export this network this way ({first_line(error)})") from error

    def written(image: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(loaded(torch.from_numpy(image)).numpy())

    others = graph.other_shapes() if graph.dynamic else [graph.shape(2)]
    return greatest_difference(graph.expected, written, [graph.shape(), *others], graph.levels)
