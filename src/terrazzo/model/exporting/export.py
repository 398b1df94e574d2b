"""Exporting a model to a file for other programs, and checking the file against the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from terrazzo.errors import ExportError, InputError, ModelFileError, OutputExistsError
from terrazzo.model.exporting.formats import FORMATS, HEADER, INPUT, KEY, Format, Notes, format_of, read_notes
from terrazzo.system.extras import need, need_torch, silence_onnxruntime
from terrazzo.system.files import digest, file_digest, refuse_existing, write_beside
from terrazzo.system.options import Option, Overwrite
from terrazzo.system.reporting import Progress, Reporter, Say, quiet, silent

if TYPE_CHECKING:
    from terrazzo.model.exporting.int8_options import Int8Options, Int8Words
    from terrazzo.model.header import Header, Int8


INT8_PANEL = "int8"


@dataclass(frozen=True)
class Exported:
    """An exported model, and how far its probabilities are from the model's."""

    path: Path
    kept: bool
    """An export of the same model and options was there already."""
    difference: float | None
    """The largest difference found, in float32 on random input; None if the export was kept."""
    int8: "Int8 | None" = None
    """What int8 cost; None if the file is in float32."""


@dataclass(frozen=True)
class _Wanted:
    """One export's arguments, checked."""

    model: Path
    header: "Header"
    format: Format
    dynamic: bool
    int8: "Int8Options | None"
    key: str

    @property
    def side(self) -> int:
        """Height and width of the input: the model's window, rounded up to a multiple of 32."""
        from terrazzo.model.predictor import STRIDE
        from terrazzo.model.windows.tiling import plan

        return -(-plan(self.header).window // STRIDE) * STRIDE

    def notes(self) -> Notes:
        """The text entries of the file; the header is last, so that a file cut short has none."""
        from terrazzo.model.exporting.gis import metadata
        from terrazzo.model.exporting.input_notes import input_notes
        from terrazzo.model.windows.tiling import plan

        gis = metadata(self.header, plan(self.header), self.side) if self.format.for_gis else {}
        return {**gis, INPUT: input_notes(self.header), KEY: self.key, HEADER: self.header.to_json()}


def export(
    model: Annotated[str | Path, Option("A model.safetensors.")],
    *,
    format: Annotated[str, Option(f"{', '.join(FORMATS)}.")],
    out: Annotated[str | Path, Option("The file to write.")],
    dynamic: Annotated[bool, Option("Take any height and width that are multiples of 32.")] = False,
    resolution: Annotated[
        float | None, Option("Ground sampling distance of the images that the model is for, in cm a pixel.")
    ] = None,
    int8: Annotated[
        bool, Option("Compute in 8-bit integers: about twice as fast on a CPU (onnx, openvino).", INT8_PANEL)
    ] = False,
    calibrate: Annotated[
        str | Path | None, Option("The patches that the model was trained on, to fit int8 to and score it.", INT8_PANEL)
    ] = None,
    worst: Annotated[
        float | None, Option("The loss of mean IoU in points that int8 may cost; 1 if not given.", INT8_PANEL)
    ] = None,
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Exported:
    """Write a model as ONNX, OpenVINO, HDF5 or torch.export, and check that it computes the same.

    `format` is onnx (a graph with normalization and softmax inside, and metadata for QGIS tools), openvino (an .xml,
    and a .bin of the same name beside it), h5 (weights and header) or pt2 (torch.export). Graphs take 0..1 of 8-bit
    images, and deeper values as stored. Their height and width are the model's window; with `dynamic` they are any
    multiples of 32. `resolution` is the ground sampling distance of the images in cm per pixel, if the model does not
    know it. A finished export of the same model and options is kept, unless `overwrite`.

    With `int8` the convolutions of an onnx or openvino compute in 8-bit integers. Training patches in `calibrate` set
    their ranges. Its validation patches score the network in float32 and in int8; the file holds both figures.

    Raises InputError (arguments, packages not installed), ModelFileError, PatchesError, OutputExistsError, and
    ExportError if the export fails, differs by more than 1e-4, or int8 costs more than `worst`; then nothing is
    written.
    """
    from terrazzo.model.exporting.int8_options import Int8Words
    from terrazzo.model.exporting.parity import TOLERANCE

    words = Int8Words(int8, None if calibrate is None else Path(calibrate), worst)
    wanted, out = _check(Path(model), format, Path(out), dynamic, resolution), Path(out)
    wanted = _with_int8(wanted, words, Reporter(progress, say))
    if not overwrite and _is_finished(out, wanted.key):
        from terrazzo.model.header import read_header

        return Exported(out, True, None, read_header(out).int8)
    refuse_existing(out, "an export", overwrite)
    if out.is_dir():
        raise OutputExistsError(f"{out}: is a folder; --out takes the name of a file")
    for line in _warnings(wanted):
        say(f"warning: {line}")
    with write_beside(out) as temporary, _with_weights(temporary, out, wanted.format):
        difference, cost = _write(temporary, wanted)
        if not difference <= TOLERANCE:
            raise ExportError(
                f"--format {format}: the probabilities of the export differ by up to {difference:.2g} from the "
                f"model's, more than {TOLERANCE:g}; nothing was written; choose another format"
            )
    return Exported(out, False, difference, cost)


@contextmanager
def _with_weights(temporary: Path, out: Path, format: Format) -> Iterator[None]:
    """Put the weights that a format keeps in a file beside its own in place first, or remove them if it fails."""
    if format.beside is None:
        yield
        return
    weights = temporary.with_suffix(format.beside)
    try:
        yield
        weights.replace(out.with_suffix(format.beside))
    finally:
        weights.unlink(missing_ok=True)


def _check(model: Path, format: str, out: Path, dynamic: bool, resolution: float | None) -> _Wanted:
    """The arguments, checked. Raises InputError or ModelFileError."""
    if format not in FORMATS:
        raise InputError(f"--format {format}: expected {', '.join(FORMATS)}")
    wanted = FORMATS[format]
    if out.suffix.lower() != wanted.suffix:
        raise InputError(f"--out {out}: expected a name that ends in {wanted.suffix}, for --format {format}")
    if dynamic and wanted.holds == "weights":
        raise InputError(f"--dynamic: {wanted.title} holds weights, which fit images of any size; leave it out")
    if resolution is not None and not 0 < resolution <= 1e6:
        raise InputError(f"--resolution {resolution:g}: expected centimetres per pixel, above 0")
    need_torch(f"--format {format}", *wanted.written_with)
    need(wanted.extra, *wanted.packages, for_what=f"--format {format}")
    from terrazzo.model.header import read_header

    header = read_header(model).without_familiarity()  # its tensors are in no export
    source = format_of(model)
    if source is not None and source.holds == "graph":
        raise InputError(f"{model}: is an export itself; give the model.safetensors that it was made from")
    if resolution is not None:
        header = replace(header, gsd_m=resolution / 100)
    key = digest(file_digest(model), format, str(dynamic), str(resolution))
    return _Wanted(model, header, wanted, dynamic, None, key)


def _with_int8(wanted: _Wanted, words: "Int8Words", reporter: Reporter) -> _Wanted:
    """The export with its options for int8. Raises InputError or PatchesError."""
    words.check(wanted.format)
    options = words.options(wanted.model, wanted.header, reporter)
    if options is None:
        return wanted
    return replace(wanted, int8=options, key=digest(wanted.key, *options.key))


def _is_finished(out: Path, key: str) -> bool:
    """Whether the file is a finished export with that key."""
    if not out.is_file():
        return False
    try:
        return read_notes(out)[KEY] == key
    except ModelFileError:
        return False


def _warnings(wanted: _Wanted) -> list[str]:
    """Notes for users of the file."""
    if not wanted.format.for_gis:
        return []
    from terrazzo.model.exporting.gis import DEFAULT_RESOLUTION, resolution_of

    lines = []
    if resolution_of(wanted.header) is None:
        written = f"{DEFAULT_RESOLUTION:g} cm/px is written"
        lines.append(f"ground sampling distance unknown, so {written}; --resolution CM_PER_PX sets it")
    if wanted.header.normalization.deep:
        lines.append("GeoDeep takes three bands and scales deep values itself; use Deepness or `terrazzo predict`")
    if wanted.header.fit == "resize":
        side = wanted.header.patch_size
        lines.append(f"QGIS tools give the model tiles of {side} px; it was trained on whole images (--fit resize)")
    return lines


def _write(path: Path, wanted: _Wanted) -> tuple[float, "Int8 | None"]:
    """Write the file; the largest difference found, and what int8 cost."""
    silence_onnxruntime()
    from terrazzo.model.bundle import load
    from terrazzo.model.exporting.portable import Graph

    model = replace(load(wanted.model, "cpu", "32"), header=wanted.header)
    graph = Graph(model, wanted.side, wanted.dynamic)
    if wanted.int8 is None:
        return wanted.format.write(path, graph, wanted.notes()), None
    from terrazzo.model.exporting.int8 import write_int8

    return write_int8(path, graph, wanted.notes(), wanted.int8)
