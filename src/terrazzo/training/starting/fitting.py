"""Whether a network sees patches as it saw those of its training: bands, values, scale."""

from terrazzo.errors import PatchesError
from terrazzo.patches.folder import Patches
from terrazzo.pixels.bands.order import are_others, expected
from terrazzo.system.reporting import Say
from terrazzo.training.starting.start import Start

ALIKE = 1.25
"""Up to this ratio, two ground sampling distances count as one."""


def refuse_unfit(patches: Patches, start: Start) -> None:
    """Raise PatchesError where the network cannot see the patches as it saw those of its training."""
    header, path, model = start.header, patches.path, start.path
    remedy = f"prepare them with --for {model}"
    if header.bands != patches.bands:
        raise PatchesError(f"{path}: has {patches.bands} bands, the model {model} takes {header.bands}; {remedy}")
    wanted = expected(header.bands, header.reading)
    reading = patches.band_reading
    names = reading.names if reading else ()
    if are_others(names, wanted):
        raise PatchesError(
            f"{path}: has the bands {', '.join(names)}, the model {model} takes {', '.join(wanted)}; {remedy}"
        )
    if patches.deep != header.normalization.deep:
        raise PatchesError(
            f"{path}: holds {patches.dtype} values, the model {model} takes {header.normalization.dtype}; {remedy}"
        )
    ours = header.band_reading.scale if header.band_reading else None
    theirs = reading.scale if reading else None
    if not patches.deep and None not in (ours, theirs) and ours != theirs:
        raise PatchesError(f"{path}: values {theirs} became 0 to 255, in the model {model} {ours}; {remedy}")
    if patches.downsample != header.downsample:
        raise PatchesError(
            f"{path}: images are reduced to 1/{patches.downsample:g}, the model {model} sees 1/{header.downsample:g}; "
            f"{remedy}"
        )
    if (patches.fit == "resize") != (header.fit == "resize"):
        raise PatchesError(f"{path}: has --fit {patches.fit}, the model {model} was trained on {header.fit}; {remedy}")


def tell_size(patches: Patches, start: Start, say: Say) -> None:
    """Report a patch size or a ground sampling distance that is not the model's."""
    header, path = start.header, patches.path
    if patches.patch_size != header.patch_size:
        say(f"{path}: patches of {patches.patch_size} px; the model keeps its windows of {header.patch_size} px")
    if patches.gsd_m and header.gsd_m:
        ratio = patches.gsd_m / header.gsd_m
        if not 1 / ALIKE <= ratio <= ALIKE:
            say(
                f"warning: {path}: {patches.gsd_m:g} m a pixel, the model saw {header.gsd_m:g} m; prepare with --for "
                f"{start.path} to read them alike"
            )
