"""What was written of several sources, as one: names, groups, ground and warnings put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.patches.copies import joined
from terrazzo.patches.splits.origins import Ground
from terrazzo.patches.writer import PatchWriter, Source, Written
from terrazzo.system.reporting import how_many, listed


@dataclass(frozen=True, eq=False)
class SourcePatches:
    """The patches of a source."""

    name: str
    written: Written
    """With those that were left out."""
    kept: NDArray[np.bool_]
    """(N,) which of them are in the folder."""

    def images(self, first: int) -> list[Source]:
        """The images with names and groups below the source's name; `first` is the number of the first."""
        return [
            replace(
                one,
                name=f"{self.name}/{one.name}",
                group="+".join(f"{self.name}/{part}" for part in one.group.split("+")),
                picture=None if one.picture is None else one.picture + first,
                data_set=self.name,
            )
            for one in self.written.sources
        ]

    @property
    def ground(self) -> Ground:
        """Where the kept patches lie; each image is apart from all others where nothing is known."""
        one, kept = self.written, self.kept
        known = one.ground or Ground(one.image, one.image, one.corners.astype(np.float64))
        unlike = tuple(f"source {self.name}: {line}" for line in known.unlike)
        return Ground(known.joined[kept], known.scene[kept], known.places[kept], unlike)


def merged(
    found: Sequence[SourcePatches], writer: PatchWriter, told: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> Written:
    """All patches of the folder, of classes with these names; `told` is what dataset.json says of each source.

    Laws: image i of a source has the number i plus the images before. Pictures of equal pixels in two sources are in
    one group and count as one picture.
    """
    images: list[Source] = []
    for part in found:
        images += part.images(len(images))
    whole = writer.finish(images)
    whole = joined(replace(whole, ground=_grounds([part.ground for part in found])), copies := _copies(images))
    warnings = [f"source {part.name}: {line}" for part in found for line in part.written.warnings]
    if copies:
        copy, one = (images[number].name for number in copies[0])
        warnings.append(
            f"{how_many(len(copies), 'picture')} of one source are in another as well ({copy}, {one}): they are one "
            "group, but each source is divided by itself; take them out of one source"
        )
    absent = [name for name, pixels in zip(names, whole.class_pixels.sum(axis=0), strict=True) if not pixels]
    if absent:
        warnings.append(f"classes without a pixel in any patch: {listed(absent)}")
    sources = [
        {"name": part.name, "images": len(part.written.sources), "patches": int(part.kept.sum()), **more}
        for part, more in zip(found, told, strict=True)
    ]
    return replace(
        whole,
        places_known=all(part.written.places_known for part in found),
        warnings=tuple(warnings),
        told={"sources": sources},
    )


def _grounds(grounds: Sequence[Ground]) -> Ground:
    """The grounds of all sources, far from one another."""
    chains, scenes = [0], [0]
    for ground in grounds:
        chains.append(chains[-1] + int(ground.joined.max()) + 1)
        scenes.append(scenes[-1] + int(ground.scene.max()) + 1)
    return Ground(
        np.concatenate([ground.joined + first for ground, first in zip(grounds, chains, strict=False)]),
        np.concatenate([ground.scene + first for ground, first in zip(grounds, scenes, strict=False)]),
        np.concatenate([ground.places for ground in grounds]),
        tuple(line for ground in grounds for line in ground.unlike),
    )


def _copies(images: Sequence[Source]) -> list[tuple[int, int]]:
    """The numbers of images that are copies of an image of another source, each with the first such."""
    first: dict[str, int] = {}
    found = [(number, first.setdefault(one.pixel_hash, number)) for number, one in enumerate(images)]
    return [(copy, one) for copy, one in found if images[copy].data_set != images[one].data_set]
