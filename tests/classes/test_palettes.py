"""The known palettes."""

from terrazzo.classes import PALETTE_NAMES
from terrazzo.classes.palettes import DUBAI, PALETTES, numbered_color
from terrazzo.classes.schema import format_color


def test_the_dubai_ids_that_scripts_rely_on() -> None:
    assert DUBAI.names == ("Building", "Land (unpaved area)", "Road", "Vegetation", "Water", "Unlabeled")
    assert [format_color(color) for color in DUBAI.colors] == [
        *("#3C1098", "#8429F6", "#6EC1E4", "#FEDD3A", "#E2A929", "#9B9B9B")
    ]
    assert DUBAI.void_colors == ((0, 0, 0),)


def test_every_palette_is_known_by_its_name() -> None:
    assert tuple(PALETTES) == PALETTE_NAMES
    assert PALETTES["dubai"] is DUBAI


def test_the_colours_that_tools_number_classes_with() -> None:
    first = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128)]
    assert [numbered_color(i) for i in range(7)] == first
    assert [numbered_color(i) for i in (12, 20)] == [(64, 0, 128), (0, 64, 128)]
