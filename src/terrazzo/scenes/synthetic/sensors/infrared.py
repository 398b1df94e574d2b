"""Near infrared: how bright the surfaces of a world are just beyond red.

Leaves reflect most of it, water next to nothing; what is built and bare looks much as in the photo.
"""

import numpy as np
from numpy.typing import NDArray

from terrazzo.scenes.synthetic.light import Sensor
from terrazzo.scenes.synthetic.materials import VEGETATION, WATER
from terrazzo.scenes.synthetic.paint import Painting

_GREEN_GAIN, _LEAF = 1.15, 35.0
_WATER_GAIN, _SOIL_GAIN = 0.16, 1.05


def infrared_of(painting: Painting, sensor: Sensor, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The near infrared (H, W) as the sensor that took the photo sees it.

    Law: on average, vegetation is brighter than in red, and water darker than everything else.
    """
    grey = painting.radiance.mean(axis=2)
    light = grey * np.float32(_SOIL_GAIN)
    leaves, water = painting.ids == VEGETATION, painting.ids == WATER
    # From green, so that shade, crowns and dry grass stay to be seen.
    light[leaves] = (painting.radiance[..., 1] * np.float32(_GREEN_GAIN) + np.float32(_LEAF))[leaves]
    light[water] = grey[water] * np.float32(_WATER_GAIN)
    seen = sensor.shoot(rng, np.repeat(light[..., None], 3, axis=2))
    return np.ascontiguousarray(seen[..., 0])
