"""Pictures of a data set whose fourth band is called alpha and is none."""

from terrazzo.errors import ImageError
from terrazzo.pixels.alpha import doubtful_alpha
from terrazzo.scenes.scene import Found

_LOOKED_AT = 3


def doubts_about_alpha(found: Found) -> list[str]:
    """A warning where one of the first pictures has a fourth band that is no alpha; a data set has one kind."""
    for scene in found.scenes[:_LOOKED_AT]:
        try:
            words = doubtful_alpha(scene.image.read(), scene.image.where)
        except ImageError:
            continue  # whoever reads it says so
        if words is not None:
            return [words]
    return []
