"""The steps from data to a finished folder of patches, the same for pictures and for rasters with labels."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import OutputExistsError
from terrazzo.patches.folder import DESCRIPTION, FORMAT, MARK, open_patches
from terrazzo.patches.options import PatchOptions, SplitOptions
from terrazzo.patches.prepared import Prepared
from terrazzo.patches.splits.origins import PatchOrigins
from terrazzo.patches.splits.split import Split, make_split
from terrazzo.patches.statistics import value_ranges
from terrazzo.patches.writer import Making, PatchShape, PatchSink, Written, finished, open_writer, write_tables
from terrazzo.pixels.bands.depth import EIGHT_BITS
from terrazzo.pixels.bands.reading import AUTO
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.system.files import digest, refuse_existing, write_folder_beside
from terrazzo.system.reporting import Reporter


@dataclass(frozen=True, eq=False)
class Cuttable:
    """Checked scenes, ready to be cut."""

    schema: ClassSchema
    bands: int
    split: SplitOptions
    cut: Callable[[PatchSink], Written]
    """Writes the patches of all scenes. Raises LabelError where there are none."""
    key: Sequence[str | bytes]
    """What decides the patches besides classes and options: the files, scene by scene."""
    told: Mapping[str, Any]
    """Entries of dataset.json that this kind of data adds."""
    labels_key: tuple[str, ...] = ()
    """What decides the labels of all scenes."""
    notes: tuple[str, ...] = ()
    """Notes for dataset.json that were reported already."""
    dtype: str = EIGHT_BITS
    """The pixel type of the images."""
    divide: Callable[[PatchOrigins, SplitOptions], Split] | None = None
    """Makes the split; None: `make_split` does."""
    class_pixels: Callable[[], Sequence[int]] = tuple
    """Counts the pixels of each class in the labels."""
    gsd_m: float | None = None
    """Metres per pixel of the data as they lie, where these say so."""


class PatchSource(Protocol):
    """Data that patches are cut from."""

    @property
    def paths(self) -> Sequence[Path]:
        """Files and folders that patches must not replace."""

    def opened(self, asked: "Preparation") -> AbstractContextManager[Cuttable]:
        """The scenes, checked. Raises InputError, ClassTableError or LabelError where they cannot be used."""


@dataclass(frozen=True)
class Preparation:
    """A request: the data, where the patches go, how they are read, cut and divided."""

    source: PatchSource
    out: Path
    labels: LabelOptions
    patches: PatchOptions
    split: SplitOptions
    overwrite: bool
    reporter: Reporter


def write_patches(asked: Preparation) -> Prepared:
    """Check the data, then write their patches to the folder `asked.out`, or keep equal ones that are there.

    Nothing is written before the data are accepted, and an interrupted run leaves nothing. Raises what the source
    raises, SplitError where the split cannot be made, OutputExistsError where something else is in the way.
    """
    _refuse_place(asked.out, asked.source.paths)
    with asked.source.opened(asked) as ready:
        key = _key(asked, ready)
        if not asked.overwrite and (kept := finished(asked.out, key)) is not None:
            return Prepared(kept, True, ())
        refuse_existing(asked.out, "a finished set of patches", asked.overwrite, MARK)
        with write_folder_beside(asked.out) as folder:
            shape = PatchShape(asked.patches.patch_size, ready.bands, ready.dtype)
            with open_writer(folder, shape, ready.schema.n_classes) as writer:
                written = ready.cut(writer)
            split = (ready.divide or make_split)(written.origins(ready.schema), ready.split)
            warnings = (*written.warnings, *split.warnings)
            told = {"fit": asked.patches.fit, "downsample": asked.labels.downsample, **ready.told}
            if ready.dtype != EIGHT_BITS:
                names = ready.told["band_names"]
                found = value_ranges(folder, split.sides, told.get("value_scale"), names)
                warnings += found.warnings
                if told["value_scale"] == AUTO:
                    asked.reporter.say(f"--scale {AUTO}: {_spans(names, found.value_range)}")
                told |= {"value_range": found.value_range, "value_scale": found.value_scale}
            noted = replace(split, warnings=(*ready.notes, *warnings))
            write_tables(folder, written, noted, Making(key, ready.schema, ready.split, told))
    return Prepared(open_patches(asked.out), False, warnings)


def _key(asked: Preparation, ready: Cuttable) -> str:
    """The hash of everything that decides the patches: format, classes, options, files."""
    options = (str(asked.patches.patch_size), asked.patches.fit, asked.labels.unknown)
    about = (str(FORMAT), json.dumps(ready.schema.to_dict()), json.dumps(ready.split.to_dict()))
    return digest(*about, *ready.labels_key, *options, *ready.key)


def _spans(names: Sequence[str], pairs: Sequence[Sequence[float]]) -> str:
    """`red 0 to 3000, dsm -5 to 40`."""
    return ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in zip(names, pairs, strict=True))


def _refuse_place(out: Path, inputs: Sequence[Path]) -> None:
    """Raise OutputExistsError where `out` is a file, or writing there would replace the data or a part of them."""
    if out.is_file():
        raise OutputExistsError(f"{out}: is a file; --out takes a folder")
    place = out.resolve()
    for data in (path.resolve() for path in inputs):
        is_part = (
            data in place.parents and place.is_dir() and any(place.iterdir()) and not (out / DESCRIPTION).is_file()
        )
        if place == data or place in data.parents or is_part:
            raise OutputExistsError(f"{out}: holds the data or a part of them; choose another --out")
