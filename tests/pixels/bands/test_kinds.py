"""What bands show, by their names."""

import pytest

from terrazzo.pixels.bands.kinds import colour_of, is_light, rgb_places


@pytest.mark.parametrize(
    ("name", "colour"),
    [("B04", "red"), ("b4", "red"), ("Red", "red"), ("B03", "green"), ("blue", "blue"), ("B08", None), ("B12", None)],
)
def test_case_and_leading_zeros_do_not_matter(name: str, colour: str | None) -> None:
    assert colour_of(name) == colour


@pytest.mark.parametrize(
    ("name", "light"),
    [
        ("B08", True),
        ("B8A", True),
        ("nir", True),
        ("red edge", True),
        ("dsm", False),
        ("VV", False),
        ("height", False),
        ("dsm_1", False),
        ("undefined", None),
        ("band 13", None),
    ],
)
def test_light_is_known_from_the_name(name: str, light: bool | None) -> None:
    assert is_light(name) is light


def test_places_of_red_green_and_blue() -> None:
    assert rgb_places(("B02", "B03", "B04", "B08")) == (2, 1, 0)
    assert rgb_places(("red", "green", "blue", "dsm")) == (0, 1, 2)
    assert rgb_places(("red", "green", "nir")) is None
    assert rgb_places(("Band 1", "Band 2", "Band 3", "Band 4")) is None  # numbered by a program: no band has a name
    assert rgb_places(("Band 2", "Band 3", "Band 4", "Band 8")) == (2, 1, 0)
    assert rgb_places(("red", "red", "green", "blue")) is None
