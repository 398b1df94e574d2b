"""The normalization of a network that is trained on given patches.

Patches of 8 bits: by the recipe or the encoder alone. Deeper ones: each band by mean and deviation of the training
patches' own values, unless the recipe says otherwise, or the encoder is pretrained and its bands have a scale. Mean and
deviation of a band with a scale are those of values brought to 0..1 by it; without one, of values as stored.
"""

from collections.abc import Sequence

from terrazzo.model.network import normalization_for
from terrazzo.model.normalization import Normalization, for_bands
from terrazzo.patches.folder import Patches
from terrazzo.patches.statistics import ROBUST, BandValues, measured, sampled
from terrazzo.recipe.encoders import BandStatistics, statistics
from terrazzo.recipe.sections import ModelSection


def normalization_of(section: ModelSection, patches: Patches) -> Normalization:
    """How a network sees these patches. Raises RecipeError where the recipe's statistics do not fit the bands.

    Law: it depends on the section and the patches alone, so a resumed run sees what it saw before.
    """
    reading = patches.band_reading
    plain = normalization_for(section, patches.bands, reading.names if reading else ())
    if not patches.deep:
        return plain
    sample = sampled(patches.images, patches.masks, patches.rows("train"))
    found = measured(sample, patches.scale, ROBUST)
    minmax = section.scale == "minmax"
    mean, std = (plain.mean, plain.std) if minmax else _statistics(section, found, patches)
    return Normalization(
        "minmax" if minmax else "bands",
        mean,
        std,
        dtype=patches.dtype,
        low=tuple(band.low for band in found),
        high=tuple(band.high for band in found),
        clips=tuple(pair is not None for pair in patches.scale),
    )


def _statistics(
    section: ModelSection, found: Sequence[BandValues], patches: Patches
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each band in the units of the raster."""
    means, deviations = section.mean, section.std
    if section.encoder is not None and section.encoder_weights != "none" and None not in patches.scale:
        own = _of_encoder(section.encoder, patches)
        means, deviations = means or own.mean, deviations or own.std
    scales = [pair if pair is not None else (0.0, 1.0) for pair in patches.scale]
    mean = tuple(band.mean for band in found)
    std = tuple(band.std for band in found)
    if means:
        mean = tuple(low + value * (high - low) for value, (low, high) in zip(means, scales, strict=True))
    if deviations:
        std = tuple(value * (high - low) for value, (low, high) in zip(deviations, scales, strict=True))
    return mean, std


def _of_encoder(encoder: str, patches: Patches) -> BandStatistics:
    """What the encoder's weights expect of each band: of red, green and blue where the bands' names say so."""
    own, reading = statistics(encoder), patches.band_reading
    names = reading.names if reading else ()
    return BandStatistics(for_bands(own.mean, patches.bands, 0.0, names), for_bands(own.std, patches.bands, 1.0, names))
