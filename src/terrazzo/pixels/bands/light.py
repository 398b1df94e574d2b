"""Which bands of a data set are light, so that changes of brightness and colour make sense for them.

Heights, radar, temperatures, indices and masks are not light (`kinds.is_light`). A band whose name says nothing counts
as light only in 8-bit images none of whose names says anything: photos whose bands were never named.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from terrazzo.pixels.bands.kinds import is_light, rgb_places

_UNNAMED = frozenset(("gray", "grey", "undefined", "palette"))
"""What GDAL calls the bands of a file that names none."""


@dataclass(frozen=True)
class Light:
    """The light among the bands of images."""

    is_light: tuple[bool, ...]
    """(C,)"""
    rgb: tuple[int, int, int] | None
    """The places (from 0) of red, green and blue; None if the images have no colours."""

    @property
    def places(self) -> tuple[int, ...]:
        """The places (from 0) of the bands of light."""
        return tuple(place for place, light in enumerate(self.is_light) if light)

    @property
    def everywhere(self) -> bool:
        """Whether all bands are light."""
        return all(self.is_light)


def light_of(names: Sequence[str] | None, n_bands: int, eight_bits: bool = True) -> Light:
    """The light among `n_bands` bands of these names; None: the bands of photos, which have no names.

    Three bands of light count as red, green and blue unless their names say where these are.
    """
    if names is None:
        return Light((True,) * n_bands, (0, 1, 2) if n_bands == 3 else None)
    told = [None if name.strip().casefold() in _UNNAMED else is_light(name) for name in names]
    unnamed = eight_bits and all(known is None for known in told)
    light = (True,) * len(names) if unnamed else tuple(known is True for known in told)
    found = rgb_places(names)
    if found is None and n_bands == 3 and all(light):
        found = (0, 1, 2)
    return Light(light, found)
