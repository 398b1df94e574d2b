"""Corrections of a model's map: what the model decides, and what is left to the user.

Law: patch size, bands, scale, ground sampling distance and classes are those of the model's header, whatever the
corrections hold. Law: without a share of validation every labelled pixel is in a patch, and every patch in train.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from terrazzo.classes.given import GivenTable
from terrazzo.classes.tables import ClassTable
from terrazzo.errors import InputError, SplitError
from terrazzo.model.header import SUFFIX, Header, read_header
from terrazzo.patches.options import NONE_HELD_OUT, PatchOptions, SplitOptions
from terrazzo.patches.write_patches import PatchSource, Preparation
from terrazzo.pixels.bands.reading import AUTO, parse_scale
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.labelled_rasters.checked_crops import unchecked_note
from terrazzo.scenes.labelled_rasters.inputs import SceneInputs, TrainedInput, scene_inputs
from terrazzo.scenes.naming import Naming
from terrazzo.system.reporting import Reporter, Say, how_many

_DECIDED = ("patch_size", "gsd", "downsample", "classes", "palette", "ignore_class", "taxonomy", "recipe")
"""Options that have no meaning where the model decides."""
_OF_A_SPLIT = ("split", "test", "seed", "block_size", "buffer")
_WHOLE = "resize"


def corrections_for(model: Path, given: Mapping[str, Any], reporter: Reporter) -> Preparation:
    """The request to write corrections as patches for a model; `given` are all arguments of `prepare`.

    Raises InputError at options that the model decides, ModelFileError at a damaged file, SplitError at options of a
    split without a share of validation.
    """
    for name in _DECIDED:
        if given[name] not in (None, (), []):
            raise InputError(f"{_words(name, given[name])}: with --for the model {model} decides it; leave it out")
    if given["more"]:
        raise InputError(f"{given['more'][0]}: is a third path; --for takes one scene with its corrections")
    if given["data"] is None:
        raise InputError("no data: give a scene and its corrections, or a folder of images and masks, with --for")
    if parse_scale(given["scale"]) == AUTO:
        raise InputError(f"--scale {AUTO}: with --for the model {model} decides it; leave it out, or give LOW,HIGH")
    _refuse_swapped(model, given)
    header, split = read_header(model), _split(given)
    inputs = scene_inputs(Path(given["data"]), given)
    source = _pictures(model, header, given) if inputs is None else _rasters(model, header, inputs)
    labels = LabelOptions.of(given, header.downsample if inputs is None else 1.0)
    _tell(model, header, given, reporter.say)
    if inputs is None and (note := unchecked_note(Path(given["data"]))):
        reporter.say(note)
    return Preparation(
        source=source,
        out=Path(given["out"]),
        labels=replace(labels, of_model=table_of(model, header)),
        patches=PatchOptions(header.patch_size, _fit(model, header, given["fit"])),
        split=split,
        overwrite=given["overwrite"],
        reporter=reporter,
    )


def table_of(model: Path, header: Header) -> GivenTable:
    """The classes of a model with their ids and colours, to which names in corrections may add."""
    schema = header.schema
    ids = tuple(range(schema.n_classes))
    return GivenTable(ClassTable(schema, ids, (), has_ids=True, has_colors=True), str(model), "--for", takes_more=True)


def _refuse_swapped(model: Path, given: Mapping[str, Any]) -> None:
    """Raise InputError where the model stands among the scene and its corrections, and one of these behind --for."""
    if model.suffix.lower() == SUFFIX:
        return
    for path in (given["data"], given["labels"]):
        if path is not None and Path(path).suffix.lower() == SUFFIX:
            raise InputError(
                f"--for {model}: is no model, and {path}, given as the scene or its corrections, is one; name the "
                "model behind --for"
            )


def _pictures(model: Path, header: Header, given: Mapping[str, Any]) -> PatchSource:
    """Pictures with masks. Raises InputError where there are none, or the model takes others."""
    data = Path(given["data"])
    if not data.exists():
        raise InputError(f"{data}: no such file or folder; expected a scene with corrections, or images and masks")
    if header.bands != 3 or header.normalization.deep:
        values = "values as stored" if header.normalization.deep else "8 bits"
        raise InputError(
            f"{data}: holds pictures of 3 bands of 8 bits, {model} takes {how_many(header.bands, 'band')} of {values}; "
            "give rasters and their labels"
        )
    from terrazzo.patches.from_pictures import Pictures

    return Pictures(data, None, Naming.of(given))


def _rasters(model: Path, header: Header, inputs: SceneInputs) -> PatchSource:
    """Rasters with labels. Raises InputError where the model sees whole images."""
    if header.fit == _WHOLE:
        raise InputError(
            f"{inputs.images}: {model} sees whole images made small (--fit {_WHOLE}), so no window of a raster teaches "
            "it; give a folder of images and masks, or train a model with --fit crop"
        )
    from terrazzo.patches.from_rasters import LabelledRasters  # here, as corrections of photos load no GDAL

    values = header.normalization
    spans = zip(values.low, values.high, values.clips, strict=True)
    scale = tuple((low, high) if clips else None for low, high, clips in spans) if any(values.clips) else None
    trained = TrainedInput(str(model), header.bands, header.reading, header.gsd_m, header.downsample, scale)
    return LabelledRasters(replace(inputs, trained=trained))


def _fit(model: Path, header: Header, fit: str | None) -> str:
    """How patches are cut: padded, so that no label is lost; whole images as one patch where the model sees these."""
    if fit is not None and (fit == _WHOLE) != (header.fit == _WHOLE):
        raise InputError(f"--fit {fit}: {model} was trained on patches by --fit {header.fit}; leave it out")
    return fit or (_WHOLE if header.fit == _WHOLE else "pad")


def _split(given: Mapping[str, Any]) -> SplitOptions:
    """None held out, or the split that is asked for by a share of validation."""
    if given["val"]:
        blocks = {name: given[name] for name in ("block_size", "buffer")}
        return SplitOptions(given["split"], given["val"], given["test"] or 0.0, given["seed"] or 0, **blocks)
    for name in _OF_A_SPLIT:
        if given[name] is not None:
            raise SplitError(
                f"{_words(name, given[name])}: corrections are not divided without a share of validation; add --val "
                "0.2, or leave it out"
            )
    return SplitOptions(NONE_HELD_OUT, 0.0)


def _tell(model: Path, header: Header, given: Mapping[str, Any], say: Say) -> None:
    """Say what the model decides, and which options come before it."""
    gsd = f", at {header.gsd_m:.3g} m a pixel" if header.gsd_m else ""
    say(f"for {model}: patches of {header.patch_size} px, {how_many(header.bands, 'band')}{gsd}")
    for name in ("bands", "scale"):
        if given[name]:
            say(f"{_words(name, given[name])}: is taken instead of the {name} of {model}")


def _words(name: str, value: Any) -> str:
    """The option as the user gave it: `--patch-size 64`."""
    words = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return f"--{name.replace('_', '-')} {words}"
