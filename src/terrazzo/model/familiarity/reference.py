"""What the training and validation patches showed of the feature distance, as the header of a model file states it.

It is read without torch. The numbers that the distance is computed from lie in the model file as tensors
(`familiarity.distance`). A header may state them only beside these tensors, so `bundle.save` clears it without them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

QUANTILE = 0.95
"""The share of the training patches that lie within `Familiarity.trained`."""
MARGIN = 1.2
"""An image is unlike the training data beyond this many times the distance that was reached."""
LEAST_IN_PLACE = 4
"""A validation group of fewer measured patches has no median of its own: all of them together have one."""
PLACES_KEPT = 32


@dataclass(frozen=True)
class Familiarity:
    """Feature distances of training and validation patches, and the limit beyond which an image is unlike them.

    Law: over the training patches, the mean of the squared distance is about 1.
    """

    levels: tuple[int, ...]
    """The levels of the encoder that are looked at, 0 the shallowest."""
    dimension: int
    """Features of a window, all levels together."""
    n_patches: int
    """Training patches that were measured."""
    trained: float
    """The distance within which 95 % of the training patches lie."""
    places: dict[str, float]
    """The median distance of the patches of a validation group, farthest first; at most 32 groups."""
    other_places: bool
    """Whether the validation groups are places, and none of them has a patch in training."""
    threshold: float
    """An image beyond this distance is unlike the training data."""

    @property
    def reached(self) -> float:
        """The largest median of a validation group."""
        return max(self.places.values())

    @property
    def words(self) -> str:
        """`limit 1.8; validation places reached 1.5`."""
        whose = "places" if self.other_places else "patches"
        return f"limit {self.threshold:.2g}; validation {whose} reached {self.reached:.2g}"


@dataclass(frozen=True)
class Seen:
    """The feature distance of an image, and the model's limit."""

    distance: float
    threshold: float

    @property
    def unlike(self) -> bool:
        """Whether the image is unlike the training data."""
        return self.distance > self.threshold

    def to_json(self) -> dict[str, float | bool]:
        """The entry `familiarity` of run.json."""
        return {"distance": round(self.distance, 3), "threshold": round(self.threshold, 3), "unlike": self.unlike}


def limit(trained: float, places: Mapping[str, float]) -> float:
    """The distance beyond which an image is unlike: `MARGIN` times the largest of `trained` and the places' medians.

    Where validation shows no other place, its medians are near 1 and `trained` decides. Then the limit is what patches
    of the training's own places show, so that these are not called unlike.
    """
    return MARGIN * max(trained, *places.values())
