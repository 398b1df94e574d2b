"""The classes of label rasters: the user's table, names in the files, their colour table, or a known palette."""

import shlex
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from terrazzo.classes.colors import usual_colors
from terrazzo.classes.given import GivenTable
from terrazzo.classes.schema import IGNORE, ClassSchema, Color
from terrazzo.classes.tables import ClassTable, means_no_class
from terrazzo.errors import LabelError
from terrazzo.pixels.masks import Mask, translate, translate_ids
from terrazzo.pixels.rasters.gdal import answered, gdal, opened
from terrazzo.pixels.rasters.raster import Raster, read_raster
from terrazzo.scenes.contract.census import Census, value_text
from terrazzo.scenes.contract.known_classes import resolve_classes
from terrazzo.scenes.contract.label_classes import refuse_background
from terrazzo.scenes.contract.mask_classes import Classes, by_name
from terrazzo.scenes.contract.mask_values import class_of_values, fitting_table
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.labelled_rasters.inputs import SceneInputs
from terrazzo.scenes.labelled_rasters.label_rasters import RasterLabels, identity_of, is_color, open_label
from terrazzo.scenes.labelled_rasters.matching import LabelledRaster
from terrazzo.scenes.scene import Found
from terrazzo.system.reporting import Progress, how_many, listed, quiet

LAYOUT = "raster labels"
_SHOWN = 8


def raster_labels(
    pairs: Sequence[LabelledRaster],
    rasters: Sequence[Raster],
    inputs: SceneInputs,
    options: LabelOptions,
    progress: Progress,
) -> RasterLabels:
    """The label rasters of these images with their classes; each is read once. Raises LabelError, ClassTableError."""
    labels = {path: read_raster(path) for path in dict.fromkeys(pair.labels for pair in pairs)}
    kept = _nodata_of_classes(labels, options.given())
    census = census_of(pairs, rasters, progress, kept)
    classes = _classes(labels, census, options, shlex.join(map(str, (inputs.images, inputs.labels))))
    if kept:
        classes = replace(classes, notes=(*classes.notes, _kept_words(kept)))
    _refuse_unknown(next(iter(labels)), census, classes, options.unknown)
    left = classes.schema.without(classes.to_ignore(options.ignore_class))
    identity = identity_of(labels.values(), classes) + (repr(sorted(map(str, kept))) if kept else "")
    return RasterLabels(left, classes, options.unknown, classes.notes, identity, frozenset(kept))


def _nodata_of_classes(labels: Mapping[Path, Raster], given: GivenTable | None) -> dict[Path, str]:
    """The label rasters whose nodata value has a row in the user's table, and the class of that row.

    Exports copy `nodata=0` onto label rasters whose 0 is a class. What the user's table says wins.
    """
    if given is None or given.takes_more:  # a model says nothing of values that a file marks
        return {}
    table, kept = given.table, dict[Path, str]()
    for path, label in labels.items():
        if label.nodata is None:
            continue
        if is_color(label):
            rows = {
                color[0]: name
                for name, color in zip(table.schema.names, table.schema.colors, strict=True)
                if len(set(color)) == 1
            }
        else:
            rows = dict(zip(table.values, table.schema.names, strict=True)) if table.has_ids else {}
        name = next((name for value, name in rows.items() if value == label.nodata), None)
        if name is not None:
            kept[path] = name
    return kept


def _kept_words(kept: Mapping[Path, str]) -> str:
    (path, name), *others = kept.items()
    more = f" (and {how_many(len(others), 'more label raster')})" if others else ""
    return f"{path}: its nodata value is the class {name!r} of --classes, so its pixels are that class{more}"


def names_in(path: Path) -> dict[int, str]:
    """The names of ids in a label raster's file: tags CLASS_i or CLASS_NAMES, or GDAL's category names.

    Empty if there are none. terrazzo's own classes.tif has the tags.
    """
    with gdal(), opened(path) as dataset, answered(path):
        tags: Mapping[str, str] = dataset.tags()
    prefix = "CLASS_"
    by_id = {int(tag.removeprefix(prefix)): name for tag, name in tags.items() if tag.removeprefix(prefix).isdecimal()}
    listed = enumerate(tags["CLASS_NAMES"].split(",")) if "CLASS_NAMES" in tags else _categories(path)
    names = by_id or dict(listed)
    return {i: name.strip() for i, name in sorted(names.items()) if name.strip()}


def _categories(path: Path) -> enumerate[str]:
    """GDAL's category names, in the file that it writes beside a raster."""
    beside = path.with_name(path.name + ".aux.xml")
    if not beside.is_file():
        return enumerate(())
    try:
        tree = ElementTree.parse(beside)
    except ElementTree.ParseError:
        return enumerate(())
    return enumerate([category.text or "" for category in tree.iterfind("PAMRasterBand/CategoryNames/Category")])


def census_of(
    pairs: Sequence[LabelledRaster], rasters: Sequence[Raster], progress: Progress, kept: Container[Path] = ()
) -> Census:
    """The pixels of each value on the images' grids; nodata counts as a value in the files of `kept`.

    Raises LabelError if some rasters hold colours, others ids.
    """
    kinds = {is_color(read_raster(pair.labels)) for pair in pairs}
    if len(kinds) > 1:
        raise LabelError(f"{pairs[0].labels}: some label rasters hold colours, others ids; give one kind")
    counts: Counter[int] = Counter()
    for number, (pair, raster) in enumerate(zip(pairs, rasters, strict=True), start=1):
        with open_label(pair.labels, raster, quiet, pair.labels in kept) as label:
            for values in label.valid_values(raster.height, raster.width):
                tally = Mask(str(pair.labels), values[None]).value_counts()
                counts.update(dict(zip(tally.values.tolist(), tally.counts.tolist(), strict=True)))
        progress("reading labels", number, len(pairs))
    return Census(kinds.pop(), dict(counts.most_common()))


def _classes(labels: Mapping[Path, Raster], census: Census, options: LabelOptions, data: str) -> Classes:
    """The classes of label rasters, which a command names by `data`."""
    refuse_background(options)
    given, table = options.given(), None
    for_model = given is not None and given.takes_more
    named = not for_model or bool(names_in(next(iter(labels))))  # ids without names are the model's
    if (given is None or for_model) and named and options.palette is None and not census.is_color:
        table = _own_table(labels, census)
    if table is None:
        return resolve_classes(census, Found(LAYOUT, ()), given, options, data)
    own, note = table
    fitted = fitting_table(own, census, options.ignore_value, str(next(iter(labels))))
    notes = [note, *(f"classes: {name!r} (the value {value}) means no class" for name, value in fitted.ignored)]
    label_ids = class_of_values(fitted, census, options.unknown, options.ignore_value)
    classes = Classes(fitted.schema, tuple(notes), label_ids)
    return by_name(classes, given, is_color=False) if given is not None and for_model else classes


def _own_table(labels: Mapping[Path, Raster], census: Census) -> tuple[ClassTable, str] | None:
    """The classes that the files name or show by a colour table, and a note on their origin."""
    (first, label), *_ = labels.items()
    names, palette = names_in(first), label.palette
    for path in labels:
        if names_in(path) != names:
            raise LabelError(f"{path}: names other classes than {first}; give one table for all with --classes")
    if not names and palette is None:
        return None
    note = f"classes: {len(names)} named in {first.name}"
    if not names:
        names = {value: f"class_{value}" for value in sorted(census.pixels) if 0 <= value < IGNORE}
        note = f"classes: the {len(names)} ids that occur, in the colours of {first.name}"
    values = [value for value, name in names.items() if not means_no_class(name)]
    ignored = tuple((name, value) for value, name in names.items() if means_no_class(name))
    kept = [names[value] for value in values]
    colors = usual_colors(kept)
    if palette is not None and max(values, default=0) < len(palette):
        own: list[Color] = [(int(r), int(g), int(b)) for r, g, b in palette[values]]
        colors = tuple(own) if len(set(own)) == len(own) else colors
    return (ClassTable(ClassSchema(tuple(kept), colors), tuple(values), ignored, True), note) if kept else None


def _refuse_unknown(first: Path, census: Census, classes: Classes, unknown: str) -> None:
    """Raise LabelError at values of no class that the policy does not accept."""
    values = np.array(list(census.pixels), np.int64)
    if census.is_color:
        strange = translate(values, classes.schema, unknown).unknown & (unknown == "error")
    else:
        strange = translate_ids(values, classes.schema.n_classes, classes.label_ids).unknown
    if strange.any():
        shown = [f"{value_text(census, value)} ({census.pixels[value]} pixels)" for value in values[strange].tolist()]
        raise LabelError(
            f"{first}: {len(shown)} values are in no class: {listed(shown, _SHOWN)}; "
            "name them all with --classes (id,name or name,color), or leave their pixels out with --unknown ignore"
        )
