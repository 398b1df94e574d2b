"""Patches that a model can be scored on: of its classes, by name, and of its bands and values."""

from pathlib import Path

from terrazzo.errors import PatchesError
from terrazzo.model.header import Header
from terrazzo.patches.class_matching import lines, match, relabelled
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.pixels.bands.order import are_others, expected
from terrazzo.system.reporting import Say


def fitting_patches(model: Path, header: Header, folder: Path, say: Say) -> Patches:
    """The patches in a folder with the model's class ids. Raises PatchesError where they do not fit the model."""
    patches = open_patches(folder)
    if header.schema.names != patches.schema.names:
        patches = _in_classes_of(model, header, patches, say)
    if header.bands != patches.bands:
        raise PatchesError(f"{folder}: has {patches.bands} bands, the model {model} takes {header.bands}")
    wanted = expected(header.bands, header.reading)
    names = patches.band_reading.names if patches.band_reading else ()
    if are_others(names, wanted):
        raise PatchesError(
            f"{folder}: has the bands {', '.join(names)}, the model {model} was trained on {', '.join(wanted)}; "
            "prepare patches of those bands, in that order (--bands)"
        )
    if patches.deep != header.normalization.deep:
        raise PatchesError(
            f"{folder}: holds {patches.dtype} values, the model {model} was trained on {header.normalization.dtype}; "
            "prepare patches of rasters like those of its training"
        )
    return patches


def _in_classes_of(model: Path, header: Header, patches: Patches, say: Say) -> Patches:
    """The patches with the model's class ids, matched by name; classes without a pixel are reported.

    Raises PatchesError where a labelled class is none of the model's.
    """
    matched = match(header.schema, patches, grows=False)
    pixels = {entry["name"]: int(entry["pixels"]) for entry in patches.description["classes"]}
    strange = [name for name in matched.left_out if pixels[name]]
    if strange:
        raise PatchesError(
            f"{patches.path}: has the classes {', '.join(strange)}, which the model {model} lacks; it knows "
            f"{', '.join(header.schema.names)}; prepare patches of these, with --for {model}"
        )
    for line in lines(matched, str(patches.path)):
        say(line)
    return relabelled(patches, matched)
