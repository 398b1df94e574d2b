"""The precisions of graphs in int8, which are fixed, and those that no other file has."""

from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.model.exporting.formats import format_of
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.system.devices import AUTO, INT8


def holds_graph_alone(model: Path) -> bool:
    """Whether a file is an export that holds a graph, as an .onnx or .xml does."""
    exported = format_of(model)
    return exported is not None and exported.holds == "graph"


def is_int8(model: Path) -> bool:
    """Whether a file is a graph in int8."""
    if not holds_graph_alone(model) or not model.is_file():
        return False
    from terrazzo.model.header import read_header

    return read_header(model).int8 is not None


def check_int8(model: Path, asked: Asked) -> bool:
    """Whether a file is a graph in int8. Raises InputError at another precision for one, and at int8 for others."""
    if not is_int8(model):
        if asked.precision == INT8:
            raise InputError(
                f"--precision {INT8}: {model} is not in int8; make a file that is with `terrazzo export --int8`, "
                "or leave it out"
            )
        return False
    if asked.precision not in (AUTO, INT8):
        raise InputError(
            f"--precision {asked.precision}: {model} computes in int8; leave it out, or give the .safetensors"
        )
    return True
