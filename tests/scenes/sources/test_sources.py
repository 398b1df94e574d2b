"""The data sets of a command and its taxonomy, and their names."""

from pathlib import Path

import pytest

from terrazzo.errors import ClassTableError
from terrazzo.scenes.sources.sources import DataSource, sources_of
from terrazzo.scenes.sources.taxonomy import ClassEntry, SourceEntry, Taxonomy

CLASSES = (ClassEntry("a", None, ("b",)),)


def listing(*sources: SourceEntry) -> Taxonomy:
    return Taxonomy(Path("t.yaml"), sources, CLASSES)


def test_arguments_have_the_names_of_their_folders_made_unique(tmp_path: Path) -> None:
    for name in ("x/town", "y/town", "v1.0"):
        (tmp_path / name).mkdir(parents=True)
    words = [str(tmp_path / name) for name in ("x/town", "y/town", "v1.0", "z.zip")]
    found = sources_of(listing(), words)
    assert [source.name for source in found] == ["town", "town_2", "v1.0", "z"]
    assert [source.images for source in found] == words


def test_the_file_lists_sources_or_adds_to_arguments(tmp_path: Path) -> None:
    a, b = str(tmp_path / "a"), str(tmp_path / "b.tif")
    listed = listing(SourceEntry("one", a, None, 0.5), SourceEntry(None, b, "l.gpkg", None))
    both = (DataSource("one", a, None, 0.5), DataSource("b", b, "l.gpkg", None))
    assert sources_of(listed, []) == both
    assert sources_of(listed, [b, a]) == both[::-1]
    # By the name of the argument's folder, where the entry has no path.
    named = listing(SourceEntry("a", None, None, 0.25))
    assert sources_of(named, [a, b]) == (DataSource("a", a, None, 0.25), DataSource("b", b))


def test_sources_that_cannot_be(tmp_path: Path) -> None:
    a = str(tmp_path / "a")
    for taxonomy, words, said in (
        (listing(), [], "lists no sources"),
        (listing(SourceEntry("x", None, None, None)), [], "source x: has no images"),
        (listing(SourceEntry("x", None, None, 1.0)), [a], "lists sources that are none of the arguments: x"),
        (listing(), [a, a], "sources a and a_2 are both"),
    ):
        with pytest.raises(ClassTableError, match=f"--taxonomy t.yaml: {said}"):
            sources_of(taxonomy, words)
