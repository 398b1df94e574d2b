"""The weights as a self-describing HDF5 file; docs/reference/model-file.md describes the layout."""

from pathlib import Path

import h5py
import numpy as np

from terrazzo.model.bundle import load
from terrazzo.model.exporting.formats import HEADER, WEIGHTS, Notes
from terrazzo.model.exporting.parity import greatest_difference
from terrazzo.model.exporting.portable import Graph, Portable

LAYOUT = "terrazzo 1"


def write_hdf5(path: Path, graph: Graph, notes: Notes) -> float:
    """Write weights and header; the largest difference of the network that is read back."""
    header = graph.model.header
    with h5py.File(path, "w") as file:
        file.attrs.update({name: text for name, text in notes.items() if name != HEADER})
        file.attrs["layout"] = LAYOUT
        file.attrs["network"] = header.title
        file.attrs["class_names"] = list(header.schema.names)
        file.attrs["class_colors"] = header.schema.palette[: header.schema.n_classes]
        file.attrs["scale"] = header.normalization.scale
        file.attrs["mean"] = np.array(header.normalization.mean)
        file.attrs["std"] = np.array(header.normalization.std)
        file.attrs["value_range"] = header.normalization.value_range
        file.attrs["dtype"] = header.normalization.dtype
        if header.normalization.deep:
            file.attrs["low"] = np.array(header.normalization.low)
            file.attrs["high"] = np.array(header.normalization.high)
            file.attrs["clips"] = np.array(header.normalization.clips)
        if header.calibration is not None:
            file.attrs["temperature"] = header.temperature
        file.attrs["bands"] = header.bands
        file.attrs["patch_size"] = header.patch_size
        file.attrs["fit"] = header.fit
        file.attrs["downsample"] = header.downsample
        file[HEADER] = notes[HEADER]  # a data set, as attributes hold 64 KB at most
        for name, tensor in graph.model.network.state_dict().items():
            array = tensor.contiguous().numpy()
            # One chunk with a checksum, so that damage is found on reading. Scalars take no chunk.
            checked = {"chunks": array.shape, "fletcher32": True} if array.ndim else {}
            file.create_dataset(f"{WEIGHTS}/{name.replace('.', '/')}", data=array, **checked)
    read_back = Portable(load(path, "cpu", "32"))
    return greatest_difference(graph.expected, read_back.probs, graph.other_shapes(), graph.levels)
