"""Class tables that take more names behind their own."""

import pytest

from terrazzo.classes.colors import APART, colors_beside, lab, usual_colors
from terrazzo.classes.given import GivenTable
from terrazzo.classes.schema import ClassSchema
from terrazzo.classes.tables import ClassTable
from terrazzo.errors import ClassTableError

SCHEMA = ClassSchema(("Road", "Water"), ((10, 20, 30), (0, 0, 255)), void_colors=((0, 0, 0),))
GIVEN = GivenTable(ClassTable(SCHEMA, (0, 1), (), True, True), "model.safetensors", "--for", takes_more=True)


def test_new_names_come_behind_and_change_nothing_before() -> None:
    more = GIVEN.with_more(["pond", "quarry"]).table
    assert more.schema.names == ("Road", "Water", "pond", "quarry")
    assert more.schema.colors[:2] == SCHEMA.colors
    assert more.schema.void_colors == SCHEMA.void_colors
    assert more.values == (0, 1, 2, 3)


def test_names_are_found_whatever_their_case_but_exactly_first() -> None:
    both = GIVEN.with_more(["water"])
    assert [both.id_of(name) for name in ("Water", "water", "ROAD", "pond")] == [1, 2, 0, None]


def test_a_given_table_names_its_option() -> None:
    assert GIVEN.named == "--for model.safetensors"
    assert GivenTable(GIVEN.table, "classes.csv").named == "--classes classes.csv"


def test_more_classes_than_ids_are_refused() -> None:
    with pytest.raises(ClassTableError, match="256 classes; at most 255"):
        GIVEN.with_more([f"class {i}" for i in range(254)])


def test_new_colours_are_the_usual_ones_unless_these_are_taken() -> None:
    (usual,) = usual_colors(["building"])
    assert colors_beside(["building"], [(10, 20, 30)]) == (usual,)
    (other,) = colors_beside(["building"], [usual])
    assert ((lab([other]) - lab([usual])) ** 2).sum() ** 0.5 >= APART
    many = colors_beside([f"class {i}" for i in range(20)], SCHEMA.colors)
    assert len({*many, *SCHEMA.colors}) == 22
