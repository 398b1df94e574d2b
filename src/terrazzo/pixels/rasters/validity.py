"""Which pixels of a window are valid: by the file's own masks, and by the value that the user takes as no data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from terrazzo.pixels.rasters.raster import Raster


def valid_by_masks(
    raster: Raster, bands: Sequence[int], dataset: Any, window: Window, stored: NDArray[Any]
) -> NDArray[np.bool_]:
    """The valid pixels (h, w) of a window of which `stored` (C, h, w) was read from `bands` (from 1).

    Law: an alpha band that is among `bands` is a band like any other, so none of its values makes a hole.
    """
    valid = np.ones(stored.shape[1:], bool)
    if raster.masked and not _by_a_band_read(raster, bands, dataset):
        valid = dataset.dataset_mask(window=window, out_shape=stored.shape[1:]) > 0
    if raster.ignored is not None:
        valid &= ~(stored == raster.ignored).all(axis=0)
    return valid


def _by_a_band_read(raster: Raster, bands: Sequence[int], dataset: Any) -> bool:
    """Whether the file's mask is an alpha band that is read as a band itself."""
    read = any(raster.colors[band - 1] == ColorInterp.alpha.name for band in bands)
    return read and MaskFlags.alpha in dataset.mask_flag_enums[0]
