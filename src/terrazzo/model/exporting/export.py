"""A model file in the forms that other programs read: ONNX, HDF5, torch.export; each checked against the model."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from terrazzo.errors import ExportError, InputError, ModelFileError, OutputExistsError
from terrazzo.model.exported import HDF5, HEADER, KEY, ONNX, PT2, Notes, read_notes
from terrazzo.model.exporting.gis import DEFAULT_RESOLUTION, metadata, resolution_of
from terrazzo.model.exporting.parity import TOLERANCE
from terrazzo.model.header import Header, read_header
from terrazzo.model.windows.tiling import STRIDE, plan
from terrazzo.system.extras import need, silence_onnxruntime
from terrazzo.system.files import digest, file_digest, refuse_existing, write_beside
from terrazzo.system.options import Option, Overwrite
from terrazzo.system.reporting import Say, quiet

__all__ = ["FORMATS", "TOLERANCE", "Exported", "export"]

FORMATS = {"onnx": ONNX, "h5": HDF5, "pt2": PT2}
"""The suffix of each format's files, by which `predict` and `inspect` know them."""
_NEEDED = {"onnx": ("onnx", ("onnx", "onnxruntime")), "h5": ("hdf5", ("h5py",)), "pt2": ("", ())}


@dataclass(frozen=True)
class Exported:
    """An exported model, and how far its probabilities were from the model's."""

    path: Path
    kept: bool
    """A finished export of the same model and options was there already."""
    difference: float | None
    """The largest difference found, float32 on random input; None where the export was kept."""


@dataclass(frozen=True)
class _Wanted:
    """One export's arguments, checked."""

    model: Path
    header: Header
    format: str
    dynamic: bool
    key: str

    @property
    def side(self) -> int:
        """Height and width of the input: the model's window, as a multiple of 32."""
        return -(-plan(self.header).window // STRIDE) * STRIDE

    def notes(self) -> Notes:
        """The entries that the file carries; the header last, so that a file cut short has none."""
        gis = metadata(self.header, plan(self.header), self.side) if self.format == "onnx" else {}
        return {**gis, KEY: self.key, HEADER: self.header.to_json()}


def export(
    model: Annotated[str | Path, Option("A model.safetensors.")],
    *,
    format: Annotated[str, Option("onnx, h5 or pt2.")],
    out: Annotated[str | Path, Option("The file to write.")],
    dynamic: Annotated[bool, Option("Take any height and width that are multiples of 32.")] = False,
    resolution: Annotated[
        float | None, Option("Ground sampling distance of the images that the model is for, in cm a pixel.")
    ] = None,
    overwrite: Overwrite = False,
    say: Say = quiet,
) -> Exported:
    """Write a model as ONNX, HDF5 or torch.export, and check that it computes the same.

    `format` is onnx (a graph with softmax, input in 0..1, normalization inside; metadata for QGIS tools), h5 (weights
    and all that belongs to them) or pt2 (torch.export). Height and width of graphs are the model's window; `dynamic`
    frees them to multiples of 32. `resolution` is the ground resolution in cm a pixel of the images that the model is
    for, where it does not know it. A finished export of the same model and options is kept, unless `overwrite`.

    Raises InputError (arguments, packages not installed), ModelFileError, OutputExistsError, and ExportError where the
    export cannot be made or differs by more than 1e-4; then nothing is written.
    """
    wanted, out = _check(Path(model), format, Path(out), dynamic, resolution), Path(out)
    if not overwrite and _is_finished(out, wanted.key):
        return Exported(out, True, None)
    refuse_existing(out, "an export", overwrite)
    if out.is_dir():
        raise OutputExistsError(f"{out}: is a folder; --out takes the name of a file")
    for line in _warnings(wanted):
        say(f"warning: {line}")
    with write_beside(out) as temporary:
        difference = _write(temporary, wanted)
        if not difference <= TOLERANCE:
            raise ExportError(
                f"--format {format}: the probabilities of the export differ by up to {difference:.2g} from the "
                f"model's, more than {TOLERANCE:g}; nothing was written; choose another format"
            )
    return Exported(out, False, difference)


def _check(model: Path, format: str, out: Path, dynamic: bool, resolution: float | None) -> _Wanted:
    """The arguments, or the error of the first that cannot be used."""
    if format not in FORMATS:
        raise InputError(f"--format {format}: expected {', '.join(FORMATS)}")
    if out.suffix.lower() != FORMATS[format]:
        raise InputError(f"--out {out}: expected a name that ends in {FORMATS[format]}, for --format {format}")
    if dynamic and format == "h5":
        raise InputError("--dynamic: an HDF5 file holds weights, which fit images of any size; leave it out")
    if resolution is not None and not 0 < resolution <= 1e6:
        raise InputError(f"--resolution {resolution:g}: expected centimetres a pixel, above 0")
    extra, packages = _NEEDED[format]
    need(extra, *packages, for_what=f"--format {format}")
    header = read_header(model)
    if model.suffix.lower() in (ONNX, PT2):
        raise InputError(f"{model}: is an export itself; give the model.safetensors that it was made from")
    if resolution is not None:
        header = replace(header, gsd_m=resolution / 100)
    return _Wanted(model, header, format, dynamic, digest(file_digest(model), format, str(dynamic), str(resolution)))


def _is_finished(out: Path, key: str) -> bool:
    """Whether the file is a finished export of that key."""
    if not out.is_file():
        return False
    try:
        return read_notes(out)[KEY] == key
    except ModelFileError:
        return False


def _warnings(wanted: _Wanted) -> list[str]:
    """What users of the file should know, line by line."""
    if wanted.format != "onnx":
        return []
    lines = []
    if resolution_of(wanted.header) is None:
        lines.append(
            f"the model does not know its ground resolution; {DEFAULT_RESOLUTION:g} cm/px is written, to which QGIS "
            "tools scale images; give --resolution CM_PER_PX"
        )
    if wanted.header.fit == "resize":
        lines.append(
            f"the model sees whole images resized to {wanted.header.patch_size} px (--fit resize); QGIS tools will "
            "show it pieces of that size, which it was not trained on"
        )
    return lines


def _write(path: Path, wanted: _Wanted) -> float:
    """Write the file and return the largest difference found."""
    from terrazzo.model.bundle import load
    from terrazzo.model.exporting.portable import Graph, Portable

    model = replace(load(wanted.model, "cpu", "32"), header=wanted.header)
    graph = Graph(Portable(model).eval(), wanted.header.bands, wanted.side, wanted.dynamic)
    if wanted.format == "onnx":
        silence_onnxruntime()
        from terrazzo.model.exporting.onnx_graph import write_onnx

        return write_onnx(path, graph, wanted.notes())
    if wanted.format == "h5":
        from terrazzo.model.exporting.hdf5 import write_hdf5

        return write_hdf5(path, model, graph, wanted.notes())
    from terrazzo.model.exporting.program import write_pt2

    return write_pt2(path, graph, wanted.notes())
