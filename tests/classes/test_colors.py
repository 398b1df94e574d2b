"""Colours for class names: those of one palette together, and never two that look alike."""

import numpy as np
import pytest

from terrazzo.classes.colors import APART, lab, usual_colors
from terrazzo.classes.palettes import DUBAI, LOVEDA, SYNTHETIC
from terrazzo.classes.schema import MAX_CLASSES, Color


def least_distance(colors: tuple[Color, ...]) -> float:
    """The smallest distance in Lab between two of the colours."""
    places = lab(colors)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    return float(apart[np.triu_indices(len(colors), 1)].min())


def test_lab_of_colours_known_by_hand() -> None:
    # CIE Lab of sRGB under D65, as published for white, the middle grey and pure red.
    np.testing.assert_allclose(
        lab([(255, 255, 255), (119, 119, 119), (255, 0, 0)]),
        [[100, 0, 0], [50.03, 0, 0], [53.24, 80.09, 67.20]],
        atol=0.01,
    )


def test_names_of_one_palette_take_its_colours_together() -> None:
    names = ("Land", "road", "VEGETATION", "Water", "Buildings")
    colors = usual_colors(names)
    assert colors == tuple(DUBAI.colors[i] for i in (1, 2, 3, 4, 0))
    assert least_distance(colors) > 20
    assert usual_colors(SYNTHETIC.names) == SYNTHETIC.colors
    assert usual_colors(LOVEDA.names) == LOVEDA.colors


@pytest.mark.parametrize(
    ("names", "least"),
    [
        (("Building", "Plot", "Verge", "Road", "Water", "Vegetation"), APART),
        (tuple(f"thing {i}" for i in range(20)), 40),
        (("Building", "Road", *(f"thing {i}" for i in range(18))), APART),
        (("Water", "forest", "soil", "vine", "Car", "Person", "dog"), APART),
    ],
)
def test_no_two_colours_look_alike(names: tuple[str, ...], least: float) -> None:
    colors = usual_colors(names)
    assert least_distance(((0, 0, 0), *colors)) > least  # black are the ignored pixels
    assert usual_colors(names) == colors


def test_as_many_names_as_there_can_be_classes_get_a_colour_each() -> None:
    names = ("Water", "water", *(f"thing {i}" for i in range(MAX_CLASSES - 2)))
    assert len(set(usual_colors(names))) == MAX_CLASSES
