"""What counts as using a known palette: enough colours, nearly all pixels, and no other palette that fits as well."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from terrazzo.classes.matching import coverage, match_palette
from terrazzo.classes.palettes import CAMVID, CITYSCAPES, DEEPGLOBE, DUBAI, ISPRS, PALETTES, UAVID, numbered_color
from terrazzo.classes.schema import Color, pack_colors, unpack_color
from tests.worlds.handmade import encoded

B, LAND, ROAD = DUBAI.colors[:3]
BLACK, MAGENTA = (0, 0, 0), (255, 0, 255)


def equally(*colors: Color) -> dict[Color, int]:
    return dict.fromkeys(colors, 10)


@pytest.mark.parametrize("name", sorted(set(PALETTES) - {"gid", "udd5", "udd6"}))
def test_a_palette_of_its_own_colors_is_known_by_them(name: str) -> None:
    assert match_palette(equally(*PALETTES[name].colors)).name == name


@pytest.mark.parametrize("name", ["gid", "udd5", "udd6"])
def test_a_palette_whose_colors_have_another_meaning_elsewhere_is_not_guessed(name: str) -> None:
    match = match_palette(equally(*PALETTES[name].colors))
    assert match.name is None
    assert name in match.fits
    assert "alike" in str(match.doubt())


def test_which_palettes_hold_all_colors_of_another() -> None:
    held = {
        (one, other)
        for one, other in itertools.permutations(PALETTES, 2)
        if set(PALETTES[one].colors) - {BLACK} <= set(PALETTES[other].colors)
    }
    udd = {("udd5", "udd6"), ("udd5", "cityscapes"), ("udd6", "cityscapes")}
    assert held == {("gid", "isprs")} | udd


def test_void_counts_as_covered_but_not_as_a_class() -> None:
    assert coverage(DUBAI, {B: 5, BLACK: 90, MAGENTA: 5}) == (95, 1)
    assert match_palette({B: 5, BLACK: 95}).name is None


@pytest.mark.parametrize(
    ("colors", "palette"),
    [((BLACK, (255, 0, 0)), "semantic-drone"), ((BLACK, (128, 0, 0)), "camvid"), ((B, LAND), "dubai")],
    ids=["black and red", "black and maroon", "two of Dubai"],
)
def test_two_colors_are_too_few(colors: tuple[Color, Color], palette: str) -> None:
    match = match_palette(equally(*colors))
    assert match.name is None
    assert palette in match.fits
    assert "too few to tell a known palette" in str(match.doubt())


def test_black_is_no_evidence() -> None:
    assert match_palette(equally(BLACK, *CAMVID.colors[:2])).name is None
    assert match_palette(equally(*CAMVID.colors[:2], (64, 64, 128))).name == "camvid"


@pytest.mark.parametrize(
    ("strange", "matches"), [(10, True), (11, False)], ids=["90 % of the pixels", "89 % of the pixels"]
)
def test_how_much_of_the_pixels_a_palette_must_cover(strange: int, matches: bool) -> None:
    shares = {B: 98 - strange, LAND: 1, ROAD: 1, MAGENTA: strange}
    assert (match_palette(shares).name == "dubai") == matches


def test_a_few_colors_of_uavid_are_not_those_of_camvid() -> None:
    building, road, static, tree, low, human, moving, clutter = UAVID.colors
    shared = match_palette(equally(building, road, low, human, moving, clutter))
    assert shared.name is None
    assert set(shared.fits) >= {"uavid", "camvid"}
    assert match_palette(equally(building, road, low, tree, static)).name == "uavid"
    little = match_palette({building: 300, road: 300, low: 350, tree: 50})  # CamVid covers 95 %
    assert little.name == "uavid"


def test_colors_that_another_palette_has_too_are_a_tie() -> None:
    shared = equally((255, 255, 255), (0, 0, 255), (0, 255, 0))  # ISPRS, DeepGlobe and LoveDA alike
    assert match_palette(shared).name is None
    assert match_palette(shared | {(255, 195, 128): 1}).name == "loveda"
    assert match_palette(equally(*ISPRS.colors[:5])).name is None  # all of them DeepGlobe's
    assert match_palette(equally(*ISPRS.colors)).name == "isprs"
    assert match_palette(equally(*DEEPGLOBE.colors)).name == "deepglobe"
    assert match_palette(equally(*ISPRS.colors[1:])).name is None  # without white GID's


def test_a_color_left_over_that_another_palette_has_speaks_against() -> None:
    left = dict.fromkeys(ISPRS.colors, 100) | {MAGENTA: 3}  # DeepGlobe has six of these seven
    match = match_palette(left)
    assert match.name is None
    assert match_palette(dict.fromkeys(DUBAI.colors, 100) | {MAGENTA: 3}).name == "dubai"  # no other has two


def test_the_colors_of_labelling_tools_are_no_data_set() -> None:
    numbered = equally(*(numbered_color(i) for i in (0, 1, 3, 7, 12)))  # all CamVid's
    match = match_palette(numbered)
    assert match.name is None
    assert match.fits


def test_the_street_scenes_of_cityscapes_are_no_drone_images() -> None:
    assert match_palette(equally(*CITYSCAPES.colors[:12])).name == "cityscapes"


def test_noise_is_let_pass_only_where_it_is_expected() -> None:
    near = {(color[0] ^ 3, color[1] ^ 5, color[2] ^ 2): 10 for color in DUBAI.colors}
    assert match_palette(near).name is None
    assert match_palette(near, noisy=True).name == "dubai"


@pytest.mark.parametrize("name", sorted(set(PALETTES) - {"gid", "udd5", "udd6", "semantic-drone", "cityscapes"}))
def test_a_palette_is_known_in_a_jpeg_with_many_edges(name: str) -> None:
    schema = PALETTES[name]
    patchwork = np.random.default_rng(0).integers(0, schema.n_classes, (15, 21)).astype(np.uint8)
    picture = schema.decode(np.kron(patchwork, np.ones((20, 20), np.uint8)))
    read = np.asarray(Image.open(io.BytesIO(encoded(picture, "JPEG", quality=75))))
    packed, counts = np.unique(pack_colors(read), return_counts=True)
    colors = {unpack_color(color): n for color, n in zip(packed.tolist(), counts.tolist(), strict=True)}
    assert match_palette(colors, noisy=True).name == name


def test_a_tie_stays_one_in_noise() -> None:
    near = {(abs(r - 3), abs(g - 4), abs(b - 5)): 100 for r, g, b in ISPRS.colors[:5]} | {(157, 130, 181): 1}
    assert match_palette(near, noisy=True).name is None


def test_no_colors_match_nothing() -> None:
    assert match_palette({}).doubt() is None
    assert match_palette({}, noisy=True).fits == ()
