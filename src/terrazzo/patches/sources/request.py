"""The sources that the arguments of `prepare` name, with their readers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.patches.from_pictures import Pictures
from terrazzo.patches.sources.gsd import checked_gsd
from terrazzo.patches.sources.joined import JoinedSources, SourcePart, naming
from terrazzo.pixels.image_view import MOST_ENLARGED
from terrazzo.recipe.sections import DataSection
from terrazzo.scenes.contract.options import MAX_DOWNSAMPLE, LabelOptions
from terrazzo.scenes.labelled_rasters.inputs import scene_inputs
from terrazzo.scenes.naming import Naming
from terrazzo.scenes.sources.sources import DataSource, sources_of
from terrazzo.scenes.sources.taxonomy import read_taxonomy

_FOR_RASTERS = ("class_field", "layer", "bands", "scale", "nodata")
_FOR_PICTURES = ("layout", "image_suffix", "mask_suffix")


def joined_sources(
    taxonomy: Path, arguments: Sequence[str], given: Mapping[str, Any], section: DataSection
) -> JoinedSources:
    """The sources of a taxonomy, or those that the arguments name; `given` are all arguments of `prepare`.

    Options for rasters go to the sources of rasters, those for pictures to the others. Raises InputError at options
    without effect, and at a source whose ground sampling distance is needed and not known.
    """
    if given["ignore_class"]:
        raise InputError("--ignore-class: with --taxonomy, a class is ignored that no `from` names; leave it out")
    gsd_m = checked_gsd(given)
    schema = read_taxonomy(taxonomy)
    sources = sources_of(schema, arguments)
    plain = {**given, **dict.fromkeys((*_FOR_RASTERS, *_FOR_PICTURES))}
    kinds = []
    for source in sources:
        with naming(source.name):
            kinds.append(scene_inputs(Path(source.images), {**plain, **_paths(source)}) is not None)
            if not kinds[-1] and not Path(source.images).exists():
                raise InputError(f"{source.images}: no such file or folder")
    _refuse_idle(given, _FOR_RASTERS, any(kinds), "for rasters, and no source is of rasters")
    _refuse_idle(given, _FOR_PICTURES, not all(kinds), "for folders of pictures, and every source is of rasters")
    parts = []
    for source, of_rasters in zip(sources, kinds, strict=True):
        unused = _FOR_PICTURES if of_rasters else _FOR_RASTERS
        own: dict[str, Any] = {**given, **dict.fromkeys(unused), **_paths(source)}
        if of_rasters and not own["scale"]:
            own["scale"] = section.scale
        with naming(source.name):
            parts.append(_part(source, own, section, gsd_m))
    return JoinedSources(schema, tuple(parts), gsd_m)


def _paths(source: DataSource) -> dict[str, Any]:
    """The arguments of `prepare` that name the source."""
    return {"data": source.images, "labels": source.labels}


def _refuse_idle(given: Mapping[str, Any], names: Sequence[str], used: bool, why: str) -> None:
    for name in names:
        if given[name] is not None and not used:
            raise InputError(f"--{name.replace('_', '-')}: is {why}; leave it out")


def _part(source: DataSource, own: dict[str, Any], section: DataSection, gsd_m: float | None) -> SourcePart:
    inputs = scene_inputs(Path(source.images), own)
    if inputs is not None:
        from terrazzo.patches.from_rasters import LabelledRasters

        labels = LabelOptions.of(own, 1.0 if gsd_m is not None else section.downsample)
        return SourcePart(source.name, LabelledRasters(replace(inputs, gsd_m=gsd_m)), labels, source.gsd_m)
    pictures = Pictures(Path(source.images), section.layout, Naming.of(own))
    labels = LabelOptions.of(own, section.downsample if gsd_m is None else 1.0)
    if gsd_m is not None:
        factor = _factor(source, gsd_m)
        labels = replace(labels, downsample=factor, least_downsample=min(1.0, factor))
    return SourcePart(source.name, pictures, labels, source.gsd_m)


def _factor(source: DataSource, gsd_m: float) -> float:
    """How many of the source's pixels a pixel spans, along a side. Raises InputError where it is unknown or too far."""
    if source.gsd_m is None:
        raise InputError(
            f"--gsd {gsd_m:g}: the ground sampling distance of its photos is not known; give gsd_m in the taxonomy"
        )
    factor = gsd_m / source.gsd_m
    if factor * MOST_ENLARGED < 1 - 1e-9:
        raise InputError(
            f"--gsd {gsd_m:g}: its pixels of {source.gsd_m:g} m are more than twice as large; "
            f"give --gsd {source.gsd_m / MOST_ENLARGED:.3g} or more, or leave the source out"
        )
    if factor > MAX_DOWNSAMPLE:
        raise InputError(
            f"--gsd {gsd_m:g}: is {factor:.3g} times its pixels of {source.gsd_m:g} m; expected at most "
            f"{MAX_DOWNSAMPLE:g} times; correct gsd_m or --gsd"
        )
    return factor
