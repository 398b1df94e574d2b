"""The classes of a data set's labels: by name where labels carry names, else by the values of its masks."""

from terrazzo.classes.given import GivenTable
from terrazzo.classes.schema import IGNORE, NO_CLASS
from terrazzo.errors import ClassTableError, InputError
from terrazzo.scenes.contract.census import Census
from terrazzo.scenes.contract.known_classes import resolve_classes
from terrazzo.scenes.contract.mask_classes import Classes
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.labelled_rasters.field_classes import Naming, classes_of_values
from terrazzo.scenes.scene import Found


def classes_of(found: Found, counted: Census, given: GivenTable | None, options: LabelOptions, data: str) -> Classes:
    """The classes of the labels that were found; `data` are the words that name them in a command.

    Raises ClassTableError if the classes cannot be known, and InputError at a background for masks.
    """
    if found.names:
        if options.palette is not None:
            raise InputError(
                f"--palette {options.palette}: is for masks of colours, and these labels are polygons; leave it out"
            )
        return _of_names(found, given, options)
    refuse_background(options)
    return resolve_classes(counted, found, given, options, data)


def refuse_background(options: LabelOptions) -> None:
    """Raise InputError at a background for labels that are masks."""
    if options.background is not None:
        raise InputError(
            f"--background {options.background}: is for labels that are polygons, and these are masks; leave it out"
        )


def _of_names(found: Found, given: GivenTable | None, options: LabelOptions) -> Classes:
    """The classes that the class names of drawn labels stand for, and of the pixels outside every polygon.

    Without a table they have the order of the annotation files.
    """
    file = found.scenes[0].label.where.rsplit(" (of ", 1)[0] if found.scenes else "annotations"
    naming = Naming(file, "the annotations", given, options.unknown, (), options.background, found.names)
    named = classes_of_values(found.names, naming)
    n_classes = named.schema.n_classes
    if n_classes < 2:
        raise ClassTableError(
            f"{file}: has polygons of one class, {named.schema.names[0]!r}, which cannot be learnt alone; "
            "make the rest a class too, as in --background background"
        )
    ids = [named.ids[name] for name in found.names]
    outside = IGNORE if options.background is None else named.ids[options.background]
    # Classes of a table without a polygon stand for values that no label holds, so that each class has a value.
    ids += sorted(set(range(n_classes)) - {*ids, outside})
    unused = [NO_CLASS] * (IGNORE - len(ids))
    ignored = tuple(name for name, i in named.ids.items() if i == IGNORE)
    return Classes(named.schema, named.notes, (*ids, *unused, outside), ignored)
