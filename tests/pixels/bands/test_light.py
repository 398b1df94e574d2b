"""Which bands colour changes may touch, by the names that people's bands have."""

import pytest

from terrazzo.pixels.bands.light import Light, light_of


@pytest.mark.parametrize(
    ("names", "is_light", "rgb"),
    [
        (("red", "green", "blue"), "111", (0, 1, 2)),
        (("red", "green", "blue", "dsm"), "1110", (0, 1, 2)),
        (("dsm", "red", "green", "blue", "nir"), "01111", (1, 2, 3)),
        (("B04", "B03", "B02", "B08", "VV", "VH"), "111100", (0, 1, 2)),
        (("blue", "green", "red"), "111", (2, 1, 0)),
        (("nir", "red", "green"), "111", (0, 1, 2)),  # three bands of light are treated as colours, as in photos
        (("red", "green", "blue", "undefined"), "1110", (0, 1, 2)),
        (("dsm",), "0", None),
        (("gray",), "1", None),
        (("gray", "undefined", "undefined"), "111", (0, 1, 2)),  # an 8-bit photo whose bands were never named
        (("sar_1", "sar_2"), "00", None),
        (("pca 1", "pca 2", "red"), "001", None),
    ],
)
def test_light_and_colours_of_8_bit_images(names: tuple[str, ...], is_light: str, rgb: tuple[int, int, int]) -> None:
    assert light_of(names, len(names)) == Light(tuple(digit == "1" for digit in is_light), rgb)


def test_photos_have_no_names_and_are_light() -> None:
    assert light_of(None, 3) == Light((True, True, True), (0, 1, 2))
    assert light_of(None, 4) == Light((True,) * 4, None)
    assert light_of(None, 4).everywhere


def test_deeper_bands_without_a_telling_name_are_not_light() -> None:
    names = ("gray", "undefined", "red")
    assert light_of(names, 3, eight_bits=False) == Light((False, False, True), None)
    assert light_of(names[:2], 2, eight_bits=False).places == ()
