"""A scene from a seed: an aerial-looking photo and its exact class ids."""

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.scenes.synthetic.light import Light, Sensor
from terrazzo.scenes.synthetic.paint import paint
from terrazzo.scenes.synthetic.world import plan


def render(seed: int, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The photo (H, W, 3) and the ids (H, W), 0..4, of the world of (seed, height, width).

    Equal numbers give equal pixels on every machine with the same Pillow: the generator is PCG64, and everything after
    the last rounding is sums and products. Raises InputError for a negative seed or no pixels.
    """
    if seed < 0 or height < 1 or width < 1:
        raise InputError(
            f"a world of seed {seed}, {height} x {width} px; the seed must be 0 or more, the sides 1 or more"
        )
    streams = np.random.SeedSequence((seed, height, width)).spawn(4)
    planning, weather, painting, shooting = (np.random.Generator(np.random.PCG64(stream)) for stream in streams)
    light, sensor = Light.random(weather), Sensor.random(weather)
    radiance, ids = paint(plan(planning, height, width), light, painting)
    return sensor.shoot(shooting, radiance), ids
