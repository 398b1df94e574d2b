"""The classes of sources on one schema, worked by hand."""

from pathlib import Path

import pytest

from terrazzo.classes.schema import ClassSchema, distinct_colors
from terrazzo.errors import ClassTableError
from terrazzo.scenes.sources.mapping import SourceClasses, mapped
from terrazzo.scenes.sources.taxonomy import ClassEntry, Taxonomy

NORTH = SourceClasses(
    "north", ClassSchema(("roof", "road", "lake"), ((1, 0, 0), (2, 0, 0), (3, 0, 0))), (10, 20, 1234567)
)
SOUTH = SourceClasses("south", ClassSchema(("House", "ROAD", "field"), ((1, 0, 0), (5, 0, 0), (6, 0, 0))), (7, 8, 0))


def of(*classes: ClassEntry) -> Taxonomy:
    return Taxonomy(Path("t.yaml"), (), classes)


def entry(name: str, *takes: str, color: tuple[int, int, int] | None = None) -> ClassEntry:
    return ClassEntry(name, color, takes)


def test_ids_colours_and_lines() -> None:
    found = mapped(of(entry("Building", "roof", "south/House"), entry("Way", "road", color=(9, 9, 9))), [NORTH, SOUTH])
    assert found.ids == ((0, 1, 255), (0, 1, 255))
    assert found.schema.names == ("Building", "Way")
    assert found.schema.colors == ((1, 0, 0), (9, 9, 9))
    assert found.lines() == [
        "Building <- north/roof (10 px), south/House (7 px)",
        "Way <- north/road (20 px), south/ROAD (8 px)",
        "ignored <- north/lake (1,234,567 px), south/field (0 px)",
    ]
    assert found.notes == ("road of class Way is taken for south/ROAD",)
    assert found.entries(1) == [
        {"from": "House", "class": "Building", "pixels": 7},
        {"from": "ROAD", "class": "Way", "pixels": 8},
        {"from": "field", "class": None, "pixels": 0},
    ]


def test_a_colour_that_is_taken_is_replaced_by_the_next_that_is_free() -> None:
    # The house of the south has the colour of the roof of the north, and the lake's is given to another class.
    found = mapped(of(entry("a", "roof"), entry("b", "House"), entry("c", "road", color=(3, 0, 0)), entry("d", "lake")),
                   [NORTH, SOUTH])  # fmt: skip
    assert found.schema.colors == ((1, 0, 0), distinct_colors(1)[0], (3, 0, 0), distinct_colors(2)[1])


def test_the_exact_name_goes_before_another_case_and_the_slash_may_be_part_of_a_name() -> None:
    schema = ClassSchema(("A", "a", "b/c"), ((1, 0, 0), (2, 0, 0), (3, 0, 0)))
    own = SourceClasses("one", schema, (1, 1, 1))
    found = mapped(of(entry("x", "a"), entry("y", "ONE/A"), entry("z", "b/c")), [own])
    assert found.ids == ((1, 0, 2),)


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ([entry("x", "roof", "raod")], "class x: from raod: no source has it; there are north/roof, north/road"),
        ([entry("x", "north/House")], "class x: from north/House: no source has it"),
        ([entry("x", "roof"), entry("y", "north/roof")], "class y: takes north/roof, which class x takes too"),
        ([entry("x", "roof")], "source south: no class takes any of House, ROAD, field"),
        (
            [entry("x", "roof", "House"), entry("y", "field")],
            r"class y: has no pixel in any source \(field\); name other classes in from",
        ),
    ],
)
def test_what_cannot_be_mapped_is_refused_in_one_line(classes: list[ClassEntry], words: str) -> None:
    with pytest.raises(ClassTableError, match=f"--taxonomy t.yaml: {words}"):
        mapped(of(*classes), [NORTH, SOUTH])


def test_a_class_that_another_entry_names_exactly_is_not_taken_but_for_capitals() -> None:
    found = mapped(of(entry("x", "ROAD"), entry("y", "road", "ROOF")), [NORTH, SOUTH])
    assert found.ids == ((1, 1, 255), (255, 0, 255))
    assert found.notes == ("ROOF of class y is taken for north/roof",)
