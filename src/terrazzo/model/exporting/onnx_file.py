"""The parts of an ONNX file that we read or change: text entries, the declared height and width, names of weights.

The package onnx is not needed. The messages of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 are declared
with the few fields that are used. All others, the weights among them, are kept as they are when a file is written
again, because protobuf keeps fields that it does not know.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from terrazzo.errors import ModelFileError

_FIELDS = {
    "Model": (
        ("ir_version", 1, "number"),  # so that it is written first: OpenVINO knows the format by it
        ("graph", 7, "Graph"),
        ("metadata_props", 14, "[Entry]"),
    ),
    "Entry": (("key", 1, "text"), ("value", 2, "text")),
    "Graph": (("initializer", 5, "[Weight]"), ("input", 11, "[Value]"), ("output", 12, "[Value]")),
    "Weight": (
        ("name", 8, "text"),
        ("raw_data", 9, "bytes"),
        ("external_data", 13, "[Entry]"),
        ("data_location", 14, "number"),
    ),
    "Value": (("name", 1, "text"), ("type", 2, "Type")),
    "Type": (("tensor_type", 1, "Tensor"),),
    "Tensor": (("shape", 2, "Shape"),),
    "Shape": (("dim", 1, "[Dim]"),),
    "Dim": (("dim_value", 1, "number"), ("dim_param", 2, "text")),
}
"""Messages and their fields: name, number and type."""
_ELSEWHERE = 1
"""The `data_location` of weights that are not in the graph."""
_SIDES = ((2, "height"), (3, "width"))


class OnnxFile:
    """A graph as bytes of the ONNX format, of which text entries and sizes are known. `error` names it in messages."""

    def __init__(self, content: bytes, error: str) -> None:
        """Raises ModelFileError if the bytes are no ONNX graph."""
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped, unused-ignore]

        try:
            self._model = _message_class()()
            self._model.ParseFromString(content)
        except DecodeError as problem:
            raise ModelFileError(error) from problem

    @classmethod
    def read(cls, path: Path) -> "OnnxFile":
        """The graph in a file. Raises ModelFileError if it is damaged."""
        return cls(path.read_bytes(), f"{path}: is not an ONNX file, or was cut short; export the model again")

    @property
    def notes(self) -> dict[str, str]:
        """The text entries."""
        return {entry.key: entry.value for entry in self._model.metadata_props}

    @property
    def declared_side(self) -> int | None:
        """The height and width that the input declares; None if they are free."""
        return self._model.graph.input[0].type.tensor_type.shape.dim[_SIDES[0][0]].dim_value or None

    @property
    def weights_elsewhere(self) -> list[str]:
        """The names of the weights that are not in the graph."""
        return [each.name for each in self._model.graph.initializer if each.data_location == _ELSEWHERE]

    def free_size(self) -> None:
        """Declare that input and output take any height and width."""
        for dim, name in self._sides():
            dim.ClearField("dim_value")
            dim.dim_param = name

    def declare_side(self, side: int) -> None:
        """Declare one height and width of input and output."""
        for dim, _ in self._sides():
            dim.ClearField("dim_param")
            dim.dim_value = side

    def _sides(self) -> Iterator[tuple[Any, str]]:
        """The height and width of input and output, each with its name."""
        for value in (self._model.graph.input[0], self._model.graph.output[0]):
            for axis, name in _SIDES:
                yield value.type.tensor_type.shape.dim[axis], name

    def hold(self, weights: Mapping[str, bytes]) -> None:
        """Put weights that are elsewhere into the graph, as bytes in the order of the format (row-major, little)."""
        for each in self._model.graph.initializer:
            if each.name in weights:
                each.raw_data = weights[each.name]
                each.ClearField("external_data")
                each.ClearField("data_location")

    def note(self, notes: Mapping[str, str]) -> None:
        """Add text entries behind the others; those of the same names are replaced."""
        others = {key: value for key, value in self.notes.items() if key not in notes}
        del self._model.metadata_props[:]
        for key, value in {**others, **notes}.items():
            self._model.metadata_props.add(key=key, value=value)

    def to_bytes(self) -> bytes:
        """The graph in the ONNX format."""
        return bytes(self._model.SerializeToString())


@cache
def _message_class() -> Any:
    """The class of the message `Model`."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    plain = {"text": kinds.TYPE_STRING, "number": kinds.TYPE_INT64, "bytes": kinds.TYPE_BYTES}
    file = descriptor_pb2.FileDescriptorProto(name="terrazzo_onnx.proto", package="terrazzo", syntax="proto2")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            label = kinds.LABEL_REPEATED if kind.startswith("[") else kinds.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            if kind in plain:
                added.type = plain[kind]
            else:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".terrazzo.{kind.strip('[]')}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("terrazzo.Model"))
