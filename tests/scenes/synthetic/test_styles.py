"""Styles: another look of the same plan."""

from pathlib import Path

import numpy as np
import pytest

from terrazzo.cli import run
from terrazzo.errors import InputError
from terrazzo.scenes.synthesize import synthesize
from terrazzo.scenes.synthetic.light import Light, Sensor
from terrazzo.scenes.synthetic.materials import BUILDING, ROAD, VEGETATION, WATER
from terrazzo.scenes.synthetic.render import render, render_sensed
from terrazzo.scenes.synthetic.styles import DESERT, STYLES, TEMPERATE, Style, style_named


def test_a_tint_moves_the_colours_of_its_classes_towards_its_own() -> None:
    style = Style(local={BUILDING: ((200, 100, 0), 0.5), WATER: ((0, 0, 255), 1.0)})
    colors = np.array([(100, 100, 100), (100, 100, 100), (9, 9, 9)], np.uint8)
    tinted = style.tinted(colors, np.array([BUILDING, ROAD, WATER], np.uint8))
    assert tinted.tolist() == [[150, 100, 50], [100, 100, 100], [0, 0, 255]]


def test_a_lower_sun_makes_shadows_longer_from_the_same_side() -> None:
    light = Style(shadows=2.0).lit(Light((0.6, 0.8), 1.5, 0.5))
    assert light.shadow_of(10.0) == pytest.approx((-18.0, -24.0))


def test_air_multiplies_gains_and_adds_haze_of_its_colour() -> None:
    sensor = Sensor((1.0, 1.0, 2.0), 1.0, 0.1, 1.0, 0.5, 2.0)
    seen = Style(gains=(1.5, 1.0, 0.5), haze=0.2, veil=(0.9, 0.8, 0.7)).seen(sensor)
    assert (seen.gains, seen.haze, seen.veil) == ((1.5, 1.0, 1.0), pytest.approx(0.3), (0.9, 0.8, 0.7))
    assert TEMPERATE.seen(sensor) == sensor


def test_the_plain_style_looks_as_it_always_has() -> None:
    """Figures of a scene from before there were styles."""
    photo, _ = render(7, 97, 131)
    assert photo.reshape(-1, 3).mean(axis=0) == pytest.approx([125.99, 135.41, 121.12], abs=0.1)
    assert np.abs(photo[50, 60].astype(int) - (99, 105, 120)).max() <= 2


@pytest.mark.parametrize("seed", range(3))
def test_a_style_changes_the_photo_and_never_the_plan(seed: int) -> None:
    plain, dry = render_sensed(seed, 97, 131), render_sensed(seed, 97, 131, DESERT)
    assert np.array_equal(plain.ids, dry.ids)
    assert np.array_equal(plain.surface, dry.surface)
    assert (np.abs(plain.photo.astype(int) - dry.photo) > 20).mean() > 0.3
    red, _, blue = dry.photo.reshape(-1, 3).mean(axis=0) - plain.photo.reshape(-1, 3).mean(axis=0)
    assert red > 0 > blue  # warm light


@pytest.mark.parametrize("style", STYLES)
def test_leaves_shine_and_water_is_dark_in_the_infrared_of_every_style(style: str) -> None:
    for seed in range(3):
        scene = render_sensed(seed, 200, 301, STYLES[style])
        leaves, water = scene.ids == VEGETATION, scene.ids == WATER
        assert scene.infrared[leaves].mean() > scene.photo[leaves, 0].mean()
        assert scene.infrared[water].mean() < scene.infrared[~water].mean()


@pytest.mark.parametrize("layout", ["flat", "humans-in-the-loop", "camvid", "geotiff"])
def test_every_layout_is_written_in_the_style(tmp_path: Path, layout: str) -> None:
    worlds = {
        style: synthesize(tmp_path / style, layout=layout, images=1, height=40, width=50, style=style).path
        for style in STYLES
    }
    files = {style: sorted(path for path in world.rglob("*") if path.is_file()) for style, world in worlds.items()}
    differ = {
        one.parent.name
        for one, other in zip(files["temperate"], files["desert"], strict=True)
        if one.read_bytes() != other.read_bytes()
    }
    photos = {"camvid": {"images_prepped_train"}, "geotiff": {"ortho", "nir"}}
    assert differ == photos.get(layout, {"images"})


def test_an_unknown_style_is_refused_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="--style arctic: no such style; there are temperate, desert"):
        style_named("arctic")
    assert run(["synthesize", str(tmp_path / "world"), "--style", "arctic"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
