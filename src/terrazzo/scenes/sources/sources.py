"""The data sets that a command and its taxonomy name, each with a name of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from terrazzo.scenes.sources.taxonomy import SourceEntry, Taxonomy
from terrazzo.system.reporting import listed


@dataclass(frozen=True)
class DataSource:
    """A data set among several."""

    name: str
    """Unique, without a slash."""
    images: str
    """A folder or zip of pictures, or rasters."""
    labels: str | None = None
    """None: the masks are among the images."""
    gsd_m: float | None = None
    """Metres per pixel of its images, where the taxonomy says so."""


def sources_of(taxonomy: Taxonomy, arguments: Sequence[str]) -> tuple[DataSource, ...]:
    """The sources in order: the arguments of the command or, if there are none, those that the taxonomy lists.

    An entry adds labels and `gsd_m` to the argument with its path, or to the one whose folder has its name. Without a
    name of its own, a source has that of its folder. Raises ClassTableError.
    """
    if not arguments:
        if not taxonomy.sources:
            raise taxonomy.error("lists no sources; give data sets as arguments, or sources: [{name, images}]")
        entries = list(taxonomy.sources)
        for number, entry in enumerate(entries, start=1):
            if entry.images is None:
                raise taxonomy.error(f"source {entry.name or number}: has no images; give their path")
    else:
        entries = _completed(taxonomy, arguments)
    given = {entry.name for entry in entries if entry.name is not None}
    found: list[DataSource] = []
    for entry in entries:
        images = entry.images or ""
        name = entry.name or _free(folder_name(images), given | {one.name for one in found})
        found.append(DataSource(name, images, entry.labels, entry.gsd_m))
    places: dict[tuple[str, str | None], str] = {}
    for source in found:
        place = (str(Path(source.images).resolve()), source.labels)
        if (other := places.setdefault(place, source.name)) != source.name:
            raise taxonomy.error(f"sources {other} and {source.name} are both {source.images}; give it once")
    return tuple(found)


def folder_name(images: str) -> str:
    """The name of a data set's folder or file, without suffix and slash: `town` of `data/town.zip`."""
    path = Path(images.partition("=")[2].partition(",")[0] or images).resolve()
    return (path.name if path.is_dir() else path.stem) or "source"


def _completed(taxonomy: Taxonomy, arguments: Sequence[str]) -> list[SourceEntry]:
    """An entry for each argument, with what the taxonomy says of it. Raises ClassTableError where it lists others."""
    left = list(taxonomy.sources)
    entries = []
    for argument in arguments:
        fits = [entry for entry in left if _is_of(entry, argument)]
        entry = fits[0] if fits else SourceEntry(None, None, None, None)
        left = [other for other in left if other is not entry]
        entries.append(SourceEntry(entry.name, argument, entry.labels, entry.gsd_m))
    if left:
        names = listed([entry.name or str(entry.images) for entry in left])
        raise taxonomy.error(f"lists sources that are none of the arguments: {names}; give all as arguments, or none")
    return entries


def _is_of(entry: SourceEntry, argument: str) -> bool:
    if entry.images is not None:
        return Path(entry.images).resolve() == Path(argument).resolve()
    return entry.name == folder_name(argument)


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken: `town`, `town_2`."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
