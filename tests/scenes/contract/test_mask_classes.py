"""Classes that data name, brought to those of a model."""

import pytest

from terrazzo.classes.given import GivenTable
from terrazzo.classes.schema import ClassSchema
from terrazzo.classes.tables import ClassTable
from terrazzo.errors import ClassTableError
from terrazzo.scenes.contract.mask_classes import Classes, by_name

MODEL = ClassSchema(("Road", "Water"), ((10, 20, 30), (0, 0, 255)))
GIVEN = GivenTable(ClassTable(MODEL, (0, 1), (), True, True), "m.safetensors", "--for", takes_more=True)


def test_values_keep_the_class_that_the_data_name() -> None:
    own = Classes(ClassSchema(("water", "pond"), ((1, 1, 1), (2, 2, 2))), (), (255, 0, -1, 1))
    found = by_name(own, GIVEN, is_color=False)
    assert found.schema.names == ("Road", "Water", "pond")
    assert found.schema.colors[:2] == MODEL.colors
    assert found.label_ids == (255, 1, -1, 2)  # no class, water, unknown, pond
    assert found.notes[-1].startswith("classes: 'pond' (id 2) of the labels added behind those of m.safetensors")


def test_values_that_are_their_own_classes_are_renumbered() -> None:
    own = Classes(ClassSchema(("Water", "Road"), ((1, 1, 1), (2, 2, 2))), ())
    assert by_name(own, GIVEN, is_color=False).label_ids == (1, 0)


def test_the_data_have_colours_of_their_own() -> None:
    own = Classes(ClassSchema(("Water", "Road"), ((1, 1, 1), (10, 20, 30)), merged=(((3, 3, 3), 0),)), ())
    found = by_name(own, GIVEN, is_color=True)
    assert found.schema.colors == MODEL.colors
    assert dict(found.schema.merged) == {(1, 1, 1): 1, (3, 3, 3): 1}
    assert found.label_ids is None


def test_a_colour_of_another_class_is_refused() -> None:
    own = Classes(ClassSchema(("Road", "Water"), ((0, 0, 255), (1, 1, 1))), ())
    with pytest.raises(ClassTableError, match="its #0000FF is 'Water', the masks' is 'Road'"):
        by_name(own, GIVEN, is_color=True)
