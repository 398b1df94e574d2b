"""A scene from a seed: an aerial-looking photo, its exact class ids, and what other sensors see of the place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.scenes.synthetic.draft import Draft
from terrazzo.scenes.synthetic.light import Light, Sensor
from terrazzo.scenes.synthetic.paint import Painting, paint
from terrazzo.scenes.synthetic.sensors.infrared import infrared_of
from terrazzo.scenes.synthetic.sensors.surface import surface_of
from terrazzo.scenes.synthetic.styles import TEMPERATE, Style
from terrazzo.scenes.synthetic.world import plan


@dataclass(frozen=True)
class Sensed:
    """One scene as several sensors see it, on one grid of pixels of `sensors.surface.GSD_M` metres."""

    photo: NDArray[np.uint8]
    """(H, W, 3) red, green and blue."""
    infrared: NDArray[np.uint8]
    """(H, W) near infrared."""
    surface: NDArray[np.float32]
    """(H, W) heights in metres."""
    ids: NDArray[np.uint8]
    """(H, W), 0..4."""


def render(seed: int, height: int, width: int, style: Style = TEMPERATE) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The photo (H, W, 3) and the ids (H, W), 0..4, of the world of (seed, height, width).

    Equal numbers give equal pixels on every machine with the same Pillow: the generator is PCG64, and everything after
    the last rounding is sums and products. Raises InputError for a negative seed or no pixels.
    """
    shot = _shot(seed, height, width, style)
    return shot.photo, shot.painting.ids


def render_sensed(seed: int, height: int, width: int, style: Style = TEMPERATE) -> Sensed:
    """The same photo and ids as `render`, with the near infrared and the heights of the scene."""
    shot = _shot(seed, height, width, style)
    # Further children of the same seed: the photo's own random numbers stay as they are without them.
    near, rough = (_generator(stream) for stream in shot.streams)
    return Sensed(
        shot.photo,
        infrared_of(shot.painting, shot.sensor, near),
        surface_of(shot.draft, shot.painting, rough),
        shot.painting.ids,
    )


@dataclass(frozen=True)
class _Shot:
    draft: Draft
    painting: Painting
    sensor: Sensor
    photo: NDArray[np.uint8]
    streams: list[np.random.SeedSequence]
    """Two that nothing has drawn from."""


def _shot(seed: int, height: int, width: int, style: Style) -> _Shot:
    if seed < 0 or height < 1 or width < 1:
        raise InputError(
            f"a world of seed {seed}, {height} x {width} px; the seed must be 0 or more, the sides 1 or more"
        )
    *streams, near, rough = np.random.SeedSequence((seed, height, width)).spawn(6)
    planning, weather, painting, shooting = map(_generator, streams)
    light, sensor = style.lit(Light.random(weather)), style.seen(Sensor.random(weather))
    draft = plan(planning, height, width)
    painted = paint(draft, light, painting, style)
    return _Shot(draft, painted, sensor, sensor.shoot(shooting, painted.radiance), [near, rough])


def _generator(stream: np.random.SeedSequence) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(stream))
