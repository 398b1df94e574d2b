"""The known palettes, and what counts as using one."""

import itertools

import pytest

from terrazzo.classes.palettes import DUBAI, PALETTES, coverage, match_palette
from terrazzo.classes.schema import Color, format_color


def counts(*pairs: tuple[Color, int]) -> dict[Color, int]:
    return dict(pairs)


B, LAND, ROAD = DUBAI.colors[:3]
MAGENTA = (255, 0, 255)


def test_the_dubai_ids_that_scripts_rely_on() -> None:
    assert DUBAI.names == ("Building", "Land (unpaved area)", "Road", "Vegetation", "Water", "Unlabeled")
    assert [format_color(color) for color in DUBAI.colors] == [
        *("#3C1098", "#8429F6", "#6EC1E4", "#FEDD3A", "#E2A929", "#9B9B9B")
    ]
    assert DUBAI.void_colors == ((0, 0, 0),)


@pytest.mark.parametrize("name", PALETTES)
def test_every_palette_matches_its_own_colors(name: str) -> None:
    schema = PALETTES[name]
    found = match_palette(dict.fromkeys(schema.colors, 10))
    assert found == (name, schema)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(PALETTES, 2)))
def test_no_palette_holds_all_colors_of_another(one: str, other: str) -> None:
    first, second = set(PALETTES[one].colors), set(PALETTES[other].colors)
    assert not first <= second
    assert not second <= first


def test_void_counts_as_covered_but_not_as_a_class() -> None:
    assert coverage(DUBAI, counts((B, 5), ((0, 0, 0), 90), (MAGENTA, 5))) == (95, 1)
    assert match_palette(counts((B, 5), ((0, 0, 0), 95))) is None


@pytest.mark.parametrize(
    ("strange", "classes", "matches"),
    [(1, 2, True), (2, 2, False), (10, 3, True), (11, 3, False)],
    ids=["two classes, 99 %", "two classes, 98 %", "three classes, 90 %", "three classes, 89 %"],
)
def test_how_much_of_the_pixels_a_palette_must_cover(strange: int, classes: int, matches: bool) -> None:
    known = 100 - strange
    shares = dict.fromkeys(DUBAI.colors[1:classes], 1) | {B: known - classes + 1}
    assert (match_palette(shares | {MAGENTA: strange}) is not None) == matches


def test_a_tie_is_no_match() -> None:
    shared = {(255, 255, 255): 10, (0, 0, 255): 10, (0, 255, 0): 10}  # ISPRS, DeepGlobe and LoveDA alike
    assert match_palette(shared) is None
    assert match_palette(shared | {(255, 195, 128): 1}) == ("loveda", PALETTES["loveda"])


def test_noise_is_let_pass_only_where_it_is_expected() -> None:
    near = {(color[0] ^ 3, color[1] ^ 5, color[2] ^ 2): 10 for color in DUBAI.colors}
    assert match_palette(near) is None
    assert match_palette(near, noisy=True) == ("dubai", DUBAI)


def test_no_colors_match_nothing() -> None:
    assert match_palette({}) is None
    assert match_palette({}, noisy=True) is None
