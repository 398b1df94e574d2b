"""The models of a prediction: which of its words name them, and whether they go together."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from terrazzo.errors import InputError, TerrazzoError
from terrazzo.model.averaging.together import refuse_unlike, tiling_note
from terrazzo.model.exporting.formats import ONNX, OPENVINO_IR, format_of, read_notes
from terrazzo.model.header import SUFFIX, Header, read_header
from terrazzo.model.opening import ModelFile, check_engine
from terrazzo.model.windows.tiling import Tiling
from terrazzo.pixels.rasters.elsewhere import address_of
from terrazzo.system.devices import AUTO, check_run
from terrazzo.system.files import file_digest
from terrazzo.system.reporting import Say

Words = str | Path | Sequence[str | Path]
HDF5 = ".h5"


def models_among(model: Words, inputs: Words) -> tuple[list[Path], list[str | Path]]:
    """The model files and the images that the words name, each in the order of the words.

    Everything in `model` is a model, and so is each input whose name ends in .safetensors or .onnx, or that is an .h5
    or .xml which `export` wrote. Raises InputError if there is no model, if one is named twice, or if a model comes
    behind an image.
    """
    models, images = [Path(word) for word in _listed(model)], list[str | Path]()
    for word in _listed(inputs):
        if _is_model(word):
            models.append(Path(word))
        else:
            images.append(word)
    if not models:
        raise InputError("no model given; name at least one model.safetensors")
    named = len(_listed(model))
    if models[named:]:
        for path in models[:named]:
            if path.suffix.lower() != SUFFIX and format_of(path) is None:
                raise InputError(f"{path}: is no model, and {models[named]} behind it is one; name the model first")
    places = [path.resolve() for path in models]
    for path, place in zip(models, places, strict=True):
        if places.count(place) > 1:
            raise InputError(f"{path}: is given {places.count(place)} times; name each model once")
    return models, images


def check_models(models: Sequence[Path], device: str, precision: str, runtime: str = AUTO) -> None:
    """Raise InputError if one of the files does not run on the device, at the precision or in the runtime."""
    check_run(device, precision, runtime)
    for path in models:
        check_engine(path, device, precision, runtime)


def model_file(
    models: Sequence[Path],
    tiling: Callable[[Header], Tiling],
    device: str,
    precision: str,
    say: Say,
    runtime: str = AUTO,
) -> ModelFile:
    """The models as one, which sees the windows of the first. Raises InputError naming what does not agree.

    All compute alike: beside a graph, which computes on the CPU, the others do so too, and all in float32; but a graph
    in int8 stays in int8.
    """
    headers = [read_header(path) for path in models]
    members = list(zip(models, headers, strict=True))
    refuse_unlike(members)
    if len(models) > 1 and any(path.suffix.lower() in (ONNX, OPENVINO_IR) for path in models):
        device, precision = "cpu", "32"
    seen = tiling(headers[0])
    first, *others = (
        ModelFile(path, file_digest(path), header, seen, device, AUTO if header.int8 else precision, runtime=runtime)
        for path, header in members
    )
    note = tiling_note(members)
    if note is not None:
        say(note)
    return replace(first, others=tuple(others))


def _listed(words: Words) -> list[str | Path]:
    return [words] if isinstance(words, str | Path) else list(words)


def _is_model(word: str | Path) -> bool:
    """Whether a word among the images names a model file."""
    if address_of(word) is not None:
        return False
    path = Path(word)
    if path.suffix.lower() in (SUFFIX, ONNX):
        return True
    if path.suffix.lower() not in (HDF5, OPENVINO_IR) or format_of(path) is None or not path.is_file():
        return False
    try:
        return bool(read_notes(path))
    except TerrazzoError:  # the file of another program, of which the inputs' own error says more
        return False
