"""The light among the bands of patches."""

import numpy as np

from terrazzo.patches.folder import Patches
from terrazzo.pixels.bands.light import Light, light_of


def light_in(patches: Patches) -> Light:
    """Which bands of patches are light, by their names; all bands of photos are."""
    reading = patches.band_reading
    return light_of(None if reading is None else reading.names, patches.bands, patches.images.dtype == np.uint8)
