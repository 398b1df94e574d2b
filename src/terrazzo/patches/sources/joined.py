"""Several data sets as one source of patches, on the schema of a taxonomy.

Each is checked and cut by its own reader, with its own classes and notes. Their patches go into one folder, source by
source, so that memory is that of one.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError, LabelError, TerrazzoError
from terrazzo.patches.sources.mapped_writer import MappedWriter
from terrazzo.patches.sources.merging import SourcePatches, merged
from terrazzo.patches.splits.by_source import by_source
from terrazzo.patches.write_patches import Cuttable, PatchSource, Preparation
from terrazzo.patches.writer import PatchSink, PatchWriter, Written
from terrazzo.pixels.bands.order import are_others
from terrazzo.pixels.geodesy import ALIKE
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.sources.mapping import ClassMapping, SourceClasses, mapped
from terrazzo.scenes.sources.taxonomy import Taxonomy
from terrazzo.system.reporting import Reporter, how_many

_WARNING = "warning: "
_RGB = ("red", "green", "blue")


@dataclass(frozen=True)
class SourcePart:
    """One of the data sets: its reader, and how its labels are read."""

    name: str
    source: PatchSource
    labels: LabelOptions
    gsd_m: float | None
    """Metres per pixel, as the taxonomy says."""


@dataclass(frozen=True)
class JoinedSources:
    """Data sets that are prepared together."""

    taxonomy: Taxonomy
    parts: tuple[SourcePart, ...]
    gsd_m: float | None = None
    """Metres per pixel at which all are read; None: as they lie."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files and folders of all sources, and the taxonomy."""
        return (self.taxonomy.path, *(path for part in self.parts for path in part.source.paths))

    @contextmanager
    def opened(self, asked: Preparation) -> Iterator[Cuttable]:
        """The scenes of all sources, checked. The classes that each becomes are reported before anything is cut."""
        with ExitStack() as stack:
            ready: list[Cuttable] = []
            for number, part in enumerate(self.parts):
                with naming(part.name):
                    ready.append(stack.enter_context(part.source.opened(_asked(asked, part, number))))
            _refuse_unlike(self.parts, ready)
            classes = mapped(self.taxonomy, [_classes(*each) for each in zip(self.parts, ready, strict=True)])
            for line in (*classes.notes, *classes.lines()):
                asked.reporter.say(line)
            gsds = [part.gsd_m if one.gsd_m is None else one.gsd_m for part, one in zip(self.parts, ready, strict=True)]
            told: dict[str, Any] = {"layout": "sources", **_bands_told(ready)}
            told |= {"gsd_m": self.gsd_m or _common(gsds, asked.reporter)}
            yield Cuttable(
                schema=classes.schema,
                bands=ready[0].bands,
                split=asked.split,
                cut=_Cutting(self.parts, ready, classes, gsds, asked).cut,
                key=_key(self, ready, classes),
                told=told,
                notes=tuple(note for one in ready for note in one.notes),
                dtype=ready[0].dtype,
                divide=_divide(self.parts, ready),
            )


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Errors of the block begin with the source's name."""
    try:
        yield
    except TerrazzoError as error:
        raise type(error)(f"source {name}: {error}") from error


def _asked(asked: Preparation, part: SourcePart, number: int) -> Preparation:
    """The request for one source; its scratch folder and its lines have names of their own."""

    def say(line: str) -> None:
        mark = _WARNING if line.startswith(_WARNING) else ""
        asked.reporter.say(f"{mark}{part.name}: {line.removeprefix(_WARNING)}")

    def progress(what: str, done: int, total: int) -> None:
        asked.reporter.progress(f"{part.name}: {what}", done, total)

    out = asked.out.with_name(f"{asked.out.name}-{number}")
    return replace(asked, source=part.source, labels=part.labels, out=out, reporter=Reporter(progress, say))


def _classes(part: SourcePart, ready: Cuttable) -> SourceClasses:
    with naming(part.name):
        return SourceClasses(part.name, ready.schema, tuple(ready.class_pixels()))


def _divide(parts: Sequence[SourcePart], ready: Sequence[Cuttable]) -> Any:
    split = partial(by_source, parts=[(part.name, one.split) for part, one in zip(parts, ready, strict=True)])
    return lambda origins, _: split(origins)


def _refuse_unlike(parts: Sequence[SourcePart], ready: Sequence[Cuttable]) -> None:
    """Raise InputError where the images of two sources cannot be of one set: other bands, depths or scales."""
    first = ready[0]
    for part, one in zip(parts[1:], ready[1:], strict=True):
        same = (first.bands, first.dtype, first.told.get("value_scale")) == (
            one.bands,
            one.dtype,
            one.told.get("value_scale"),
        )
        if not same or are_others(_names(one), _names(first)):
            raise InputError(
                f"sources {parts[0].name} and {part.name}: one has {_images(first)}, the other {_images(one)}; "
                "choose equal bands with --bands, or leave one source out"
            )


def _names(ready: Cuttable) -> Sequence[str]:
    """The names of the bands; photos are red, green and blue."""
    names: Sequence[str] = ready.told.get("band_names", _RGB)
    return names


def _images(ready: Cuttable) -> str:
    """What the images are, in words: `3 bands of uint8 (red, green, blue)`."""
    scale = ready.told.get("value_scale")
    scaled = "" if scale is None else f", --scale {scale}"
    return f"{how_many(ready.bands, 'band')} of {ready.dtype} ({', '.join(_names(ready))}){scaled}"


def _bands_told(ready: Sequence[Cuttable]) -> dict[str, Any]:
    """What dataset.json says of bands: as of the first source where all are rasters; nothing where one is of photos."""
    if not all("band_names" in one.told for one in ready):
        return {}
    return {name: ready[0].told[name] for name in ("band_names", "value_scale")}


def _common(gsds: Sequence[float | None], reporter: Reporter) -> float | None:
    """The mean ground sampling distance where all are alike; a warning where they are not."""
    known = [gsd_m for gsd_m in gsds if gsd_m is not None]
    if known and max(known) > ALIKE * min(known):
        reporter.say(
            f"{_WARNING}the sources have between {min(known):.3g} and {max(known):.3g} m a pixel; "
            f"--gsd {max(known):.3g} brings them together"
        )
        return None
    return float(f"{sum(known) / len(known):.6g}") if len(known) == len(gsds) else None


def _key(joined: JoinedSources, ready: Sequence[Cuttable], classes: ClassMapping) -> list[str | bytes]:
    """The ground sampling distance, and of each source name, classes, mapping, split and files."""
    parts: list[str | bytes] = [f"sources at {joined.gsd_m!r} m"]
    for part, one, ids in zip(joined.parts, ready, classes.ids, strict=True):
        parts += [part.name, repr(part.gsd_m), repr(ids), repr(one.schema.to_dict()), repr(one.split.to_dict())]
        parts += [repr(part.labels.downsample), *one.labels_key, str(len(one.key)), *one.key]
    return parts


@dataclass(frozen=True, eq=False)
class _Cutting:
    """Opened sources, the classes that theirs become, and the request."""

    parts: Sequence[SourcePart]
    ready: Sequence[Cuttable]
    classes: ClassMapping
    gsds: Sequence[float | None]
    """Metres per pixel of each source as it lies."""
    asked: Preparation

    def cut(self, writer: PatchSink) -> Written:
        """Write the patches of all sources, one after another. Raises LabelError where one gives none."""
        if not isinstance(writer, PatchWriter):
            raise InputError("sources within sources: give each data set once")
        found: list[SourcePatches] = []
        first = 0
        for number, (part, one) in enumerate(zip(self.parts, self.ready, strict=True)):
            own = MappedWriter(writer, self.classes.ids[number], first, one.bands)
            with naming(part.name):
                written = one.cut(own)
                left_out = len(own.kept) - int(own.kept.sum())
                if left_out == len(own.kept):
                    raise LabelError(
                        "no patch has a pixel of a class that the taxonomy takes; take more of its classes, or use a "
                        "smaller --patch-size"
                    )
            if left_out:
                patches = how_many(len(own.kept), "patch")
                self.asked.reporter.say(
                    f"{part.name}: left out: {left_out} of {patches} without a class of the taxonomy"
                )
            found.append(SourcePatches(part.name, written, own.kept))
            first += len(written.sources)
        told = [{"gsd_m": gsd_m, "mapping": self.classes.entries(number)} for number, gsd_m in enumerate(self.gsds)]
        return merged(found, writer, told, self.classes.schema.names)
