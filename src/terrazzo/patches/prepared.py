"""The result of `terrazzo.prepare`."""

from dataclasses import dataclass

import numpy as np

from terrazzo.patches.folder import Patches
from terrazzo.patches.splits.leak import describe_leak
from terrazzo.system.reporting import as_html, how_many, listed


@dataclass(frozen=True)
class Prepared:
    """The patches, whether they were there already, and the warnings of the split."""

    patches: Patches
    kept: bool
    lines: tuple[str, ...]

    def summary(self) -> list[str]:
        """Patches by split, what scores on the split are worth, and which groups are on which side."""
        told = self.patches.description
        splits = ", ".join(f"{side} {count}" for side, count in told["splits"].items())
        in_buffer = len(self.patches) - sum(told["splits"].values())
        splits += f", {in_buffer} in the buffer between" if in_buffer else ""
        return [
            f"{how_many(len(self.patches), 'patch')} of {self.patches.patch_size} px from "
            f"{how_many(len(told['images']), 'image')}: {splits}",
            *_sources(self.patches),
            f"{_division(self.patches)}: {describe_leak(self.patches.leak, self.patches.places_known)}",
            *_sides_of_groups(self.patches),
        ]

    def _repr_html_(self) -> str:
        return as_html([*self.lines, *self.summary()])


def _division(patches: Patches) -> str:
    """`split by block`, or `split none held out`."""
    method = patches.description["split_method"]
    return f"split {method}" if patches.none_held_out else f"split by {method}"


def _sources(patches: Patches) -> list[str]:
    """A line with the patches of each of several data sets, by side."""
    source = patches.image_sources[patches.image_of]
    told = []
    for number, name in enumerate(patches.source_names):
        sides = patches.sides[source == number]
        counts = ", ".join(f"{side} {int((sides == side).sum())}" for side in patches.description["splits"])
        told.append(f"source {name}: {how_many(len(sides), 'patch')}: {counts}")
    return told


def _sides_of_groups(patches: Patches) -> list[str]:
    """One line with the first groups of each side; none where every picture or patch is its own group."""
    names = patches.image_groups
    alone = len(set(names)) in (1, len(np.unique(patches.image_pictures)))
    if alone or patches.description["split_method"] == "patch":
        return []
    told = []
    for side in patches.description["splits"]:
        groups = list(dict.fromkeys(names[image] for image in np.unique(patches.image_of[patches.sides == side])))
        told += [f"{side} {listed(groups)}"] if groups else []
    return [f"groups: {'; '.join(told)}"]
