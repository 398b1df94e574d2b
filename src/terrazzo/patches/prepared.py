"""What `terrazzo.prepare` did."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from terrazzo.errors import OutputExistsError
from terrazzo.patches.folder import DESCRIPTION, Patches
from terrazzo.patches.splits.leak import describe_leak
from terrazzo.system.reporting import as_html, how_many

_SHOWN = 4  # groups of a side


@dataclass(frozen=True)
class Prepared:
    """What prepare did: the patches, whether they were there already, and what the user should be told."""

    patches: Patches
    kept: bool
    lines: tuple[str, ...]

    def summary(self) -> list[str]:
        """What was prepared: patches by split, what the split's scores are worth, which groups are on which side."""
        told = self.patches.description
        splits = ", ".join(f"{side} {count}" for side, count in told["splits"].items())
        in_buffer = len(self.patches) - sum(told["splits"].values())
        splits += f", {in_buffer} in the buffer between" if in_buffer else ""
        return [
            f"{how_many(len(self.patches), 'patch')} of {self.patches.patch_size} px from "
            f"{how_many(len(told['images']), 'image')}: {splits}",
            f"split by {told['split_method']}: {describe_leak(self.patches.leak)}",
            *_sides_of_groups(self.patches),
        ]

    def _repr_html_(self) -> str:
        return as_html([*self.lines, *self.summary()])


def _sides_of_groups(patches: Patches) -> list[str]:
    """The first groups of each side in a line; none where every image, or every patch, stands for itself."""
    names = patches.image_groups
    if len(set(names)) == len(names) or patches.description["split_method"] == "patch":
        return []
    told = []
    for side in patches.description["splits"]:
        groups = list(dict.fromkeys(names[image] for image in np.unique(patches.image_of[patches.sides == side])))
        more = f" and {len(groups) - _SHOWN} more" if len(groups) > _SHOWN else ""
        told += [f"{side} {', '.join(groups[:_SHOWN])}{more}"] if groups else []
    return [f"groups: {'; '.join(told)}"]


def refuse_place(out: Path, inputs: Sequence[Path]) -> None:
    """Raise OutputExistsError where `out` is a file, or its replacement would take the data or a part of them away."""
    if out.is_file():
        raise OutputExistsError(f"{out}: is a file; --out takes a folder")
    place = out.resolve()
    for data in (path.resolve() for path in inputs):
        is_part = (
            data in place.parents and place.is_dir() and any(place.iterdir()) and not (out / DESCRIPTION).is_file()
        )
        if place == data or place in data.parents or is_part:
            raise OutputExistsError(f"{out}: holds the data or a part of them; choose another --out")
