"""Pretrained filters of red, green and blue, given to the bands of an image by their names.

Law: red, green and blue keep their filters wherever they stand, and every further band starts from the mean of the
three. Where no band is known as a colour, the first three take the filters in order. An image of one or two bands has
the mean in each, times 3 / bands: a grey picture then gives what it gave as red, green and blue.
"""

from collections.abc import Sequence

from torch import Tensor

from terrazzo.pixels.bands.kinds import rgb_places
from terrazzo.system.reporting import listed

RGB = ("red", "green", "blue")


def spread(filters: Tensor, names: Sequence[str]) -> Tensor:
    """Filters (O, n, H, W) for n bands of these names, from filters (O, 3, H, W) of red, green and blue."""
    bands = len(names)
    means = filters.mean(dim=1, keepdim=True).repeat(1, bands, 1, 1)
    if bands < len(RGB):
        return means * (len(RGB) / bands)
    means[:, list(rgb_places(names) or range(len(RGB)))] = filters
    return means


def describe_spread(names: Sequence[str]) -> str | None:
    """One line about what `spread` does with bands of these names; None where red, green and blue stand first."""
    bands = len(names)
    if bands < len(RGB):
        return f"pretrained filters: {listed(names)}: the mean of red, green and blue"
    places = rgb_places(names)
    if places == (0, 1, 2) and bands == len(RGB):
        return None
    others = [name for at, name in enumerate(names) if at not in (places or (0, 1, 2))]
    rest = f"; {listed(others)} from their mean" if others else ""
    if places is None:
        return (
            f"pretrained filters: no band is known as red, green and blue, so {listed(names[:3])} take theirs in that "
            f"order{rest} (--bands gives another order)"
        )
    given = ", ".join(f"{colour} to {names[at]}" for colour, at in zip(RGB, places, strict=True))
    return f"pretrained filters: {given}{rest}"
