"""Which pictures must stay on one side of a split, and why: their folder, equal pixels, their source, their ground.

- Folders: what the layout takes for a group (a tile, a flight). Folders of a kind (`Urban`, `summer`) are no groups.
  Nor are folders of which nothing is known, if they stand below each side of a given split alike.
  Nor is a folder of copies that divides nothing, as an archive has that holds itself again.
- Pictures of equal pixels are one, unless they are of a single colour, which shows no place.
- Versions of one source (`NAME.rf.HASH`, `NAME_flip` beside `NAME`) are one group.
- Pictures that touch or overlap on the ground are one group, as rasters are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from terrazzo.patches.splits.chains import chains
from terrazzo.patches.splits.footprints import Footprints, chain_name, footprints
from terrazzo.patches.splits.names import augmented_source, exported_source, naming
from terrazzo.patches.splits.origins import Ground
from terrazzo.pixels.rasters.ground import Placed
from terrazzo.system.reporting import how_many, listed


@dataclass(frozen=True)
class Picture:
    """What is known of a picture besides its content."""

    name: str
    """Unique: `north/images/a` or `a`."""
    file: str
    """Its path in the data set."""
    group: str
    """The folder that the layout takes for its group; its own name if there is none."""
    split: str | None
    """The side that the data set gives, or None."""
    pixels: str | None
    """The hash of its pixels; None of a picture of a single colour."""
    ground: Placed
    """Its size, and its place on the ground where that is known."""

    @property
    def folder(self) -> str | None:
        """The folder that is its group, or None."""
        return None if self.group == self.name else self.group

    @property
    def stem(self) -> str:
        """The name of its file without suffix."""
        return self.file.rsplit("/", 1)[-1].rsplit(".", 1)[0]


@dataclass(frozen=True, eq=False)
class Together:
    """N pictures, and which of them belong together."""

    pictures: Sequence[Picture]
    groups: tuple[str, ...]
    """(N,) the name of each picture's group."""
    copies: NDArray[np.int64]
    """(N,) the number of the first picture of equal pixels."""
    one_picture: NDArray[np.int64]
    """(N,) the number of the first of its copies and versions."""
    joined: NDArray[np.int64]
    """(N,) the number of the first picture in a chain of copies, versions and pictures that touch on the ground."""
    lying: Footprints
    kinds: tuple[str, ...]
    """Folders that may be divided, as they name kinds or stand below each side alike."""
    places_known: bool
    """Whether each picture has a place: a folder that is a group, or coordinates."""

    @property
    def n_joined(self) -> int:
        """Pictures that are apart from all others, chains counted as one."""
        return len(np.unique(self.joined))

    @property
    def touching(self) -> bool:
        """Whether any two pictures touch or overlap on the ground."""
        return self.lying.n_joined < len(self.pictures)

    def key(self) -> list[str]:
        """What decides a split besides the groups' names; nothing where each picture stands for itself."""
        alone = self.lying.alone and self.n_joined == len(self.pictures)
        ground = (
            self.joined.tolist(),
            self.one_picture.tolist(),
            self.lying.scene.tolist(),
            self.lying.shifts.tolist(),
        )
        return [] if alone else [repr(ground)]

    def ground(self, image: NDArray[np.int64], corners: NDArray[np.int64]) -> Ground | None:
        """Where patches of pictures (N,) with corners (N, 2) lie; None where each picture stands for itself."""
        if not self.key():
            return None
        lying = self.lying.ground(image, corners, np.arange(len(self.pictures)))
        placed = np.array([picture.ground.georeferenced for picture in self.pictures])
        # Copies without coordinates lie on one another.
        scene = np.where(placed[image], lying.scene, self.copies[image])
        places = np.column_stack([self.lying.scene, self.lying.shifts])
        elsewhere = (places != places[self.one_picture]).any(axis=1)
        turned = self.one_picture != self.copies
        apart = np.flatnonzero(turned | elsewhere & placed)
        told = (
            f"{how_many(len(apart), 'picture')} of {len(self.pictures)} are versions of others, or copies elsewhere on "
            f"the ground, e.g. {self.pictures[apart[0]].name}: patches of both may be in training and validation"
            for _ in apart[:1]
        )
        return replace(lying, joined=self.joined[image], scene=scene, unlike=(*lying.unlike, *told))

    def notes(self) -> list[str]:
        """What belongs together beyond folders, and which folders are no groups."""
        n = len(self.pictures)
        versions = sum(first != self.copies[i] for i, first in enumerate(self.one_picture))
        told = []
        if self.touching:
            one = f"{how_many(self.lying.n_joined, 'place')}"
            told.append(f"by their georeference, {n} pictures lie in {one}: those that touch or overlap are one group")
        if versions:
            told.append(f"{versions} of {n} pictures are versions of others by their names: they are one group")
        if self.kinds:
            told.append(
                f"folders {listed(self.kinds)}: taken for kinds of pictures, not for places, so they are not held "
                "together; if each is one place, scores are optimistic"
            )
        return told

    def warnings(self) -> list[str]:
        """A line for each given side and kind of leak, with an example; each picture counts for the first kind."""
        told: list[str] = []
        sides = [picture.split for picture in self.pictures]
        counted: set[int] = set()
        for chain, what in (
            (self.copies, "in train as well"),
            (self.one_picture, "versions of pictures in train"),
            (self.lying.joined, "on the ground of pictures in train, or touch it"),
        ):
            train: dict[int, int] = {}
            for i, one in enumerate(chain.tolist()):
                if sides[i] == "train":
                    train.setdefault(one, i)
            for side in ("val", "test"):
                shared = [i for i, one in enumerate(chain.tolist()) if sides[i] == side and one in train]
                shared = [i for i in shared if i not in counted]
                counted.update(shared)
                if shared:
                    one, other = self.pictures[shared[0]].file, self.pictures[train[int(chain[shared[0]])]].file
                    told.append(
                        f"{len(shared)} of the {sides.count(side)} pictures of {side} are {what} ({one}, {other}); "
                        "take them out of one side, or draw another split with --split image"
                    )
        return told


def no_groups(pictures: Sequence[Picture]) -> set[str]:
    """The folders that are no groups, though the layout takes them for one: kinds, and copies that divide nothing."""
    return _kinds(pictures) | _held_again(pictures)


def together(pictures: Sequence[Picture], buffer_px: int) -> Together:
    """The pictures compared; those with fewer than `buffer_px` pixels between them on the ground are near."""
    n = len(pictures)
    first: dict[str, int] = {}
    copies = np.array([i if one.pixels is None else first.setdefault(one.pixels, i) for i, one in enumerate(pictures)])
    kinds, loose = _kinds(pictures), no_groups(pictures)
    folders = [None if picture.folder in loose else picture.folder for picture in pictures]
    one_picture = chains(n, [*enumerate(copies.tolist()), *_versions(pictures, folders)])
    grounds = [picture.ground for picture in pictures]
    placed_copy = {copies[i]: one for i, one in reversed([*enumerate(grounds)]) if one.georeferenced}
    placed = [one if one.georeferenced else placed_copy.get(copies[i], one) for i, one in enumerate(grounds)]
    lying = footprints(placed, [picture.name for picture in pictures], buffer_px)
    joined = chains(n, [*enumerate(one_picture.tolist()), *enumerate(lying.joined.tolist())])
    whole = chains(n, [*enumerate(joined.tolist()), *_linked(folders)])
    members: dict[int, dict[str, None]] = {}
    for i, one in enumerate(whole.tolist()):
        members.setdefault(one, {})[folders[i] or pictures[i].name] = None
    names = {one: chain_name([*group]) for one, group in members.items()}
    return Together(
        pictures=[replace(picture, ground=ground) for picture, ground in zip(pictures, placed, strict=True)],
        groups=tuple(names[one] for one in whole.tolist()),
        copies=copies,
        one_picture=one_picture,
        joined=joined,
        lying=lying,
        kinds=tuple(sorted((kinds & _divided(pictures)) - _held_again(pictures))),
        places_known=all(one.georeferenced or folder for one, folder in zip(placed, folders, strict=True)),
    )


def _kinds(pictures: Sequence[Picture]) -> set[str]:
    """The folders that are no groups: those that name kinds.

    Where no split is given, numbered ones (`day 1`, `part 2`) stay groups, as holding them together is safe. Of a given
    split, those that name neither kind nor place are no groups either if they are other folders of equal names below
    train and below another side, and if each of these sides has all of them.
    """
    named = {folder: naming(folder) for folder in {picture.folder for picture in pictures} if folder}
    kinds = {folder for folder, name in named.items() if name == "kind"}
    if all(picture.split is None for picture in pictures):
        return {folder for folder in kinds if not any(letter.isdigit() for letter in folder)}
    unclear = {folder for folder, name in named.items() if name == "unknown"}
    below: dict[str, set[str]] = {}
    paths: dict[str, set[str]] = {}
    for picture in pictures:
        if picture.folder in unclear and picture.split:
            below.setdefault(picture.split, set()).add(picture.folder)
            paths.setdefault(picture.split, set()).add(picture.file.rpartition("/")[0])
    sides = [*below]
    alike = len(sides) > 1 and all(below[side] == below[sides[0]] for side in sides)
    apart = sum(map(len, paths.values())) == len(set().union(*paths.values()))
    return kinds | unclear if alike and apart else kinds


def _held_again(pictures: Sequence[Picture]) -> set[str]:
    """The folders of copies that divide nothing: an archive that holds itself again.

    Such a folder has copies of its pictures outside it, and they are all pictures of the data set, or no other folder
    is a group. Pictures of a single colour do not count.
    """
    pixels: dict[str | None, set[str]] = {}
    for picture in pictures:
        if picture.pixels is not None:
            pixels.setdefault(picture.folder, set()).add(picture.pixels)
    alone = len(pixels.keys() - {None}) == 1
    everything = set().union(*pixels.values())
    again = set()
    for folder, inside in pixels.items():
        outside = set().union(*(those for other, those in pixels.items() if other != folder))
        if folder is not None and inside <= outside and (alone or inside == everything):
            again.add(folder)
    return again


def _divided(pictures: Sequence[Picture]) -> set[str]:
    """The folders that may be on two sides: by the given split, or because no side or only train is given."""
    sides: dict[str, set[str | None]] = {}
    for picture in pictures:
        if picture.folder:
            sides.setdefault(picture.folder, set()).add(picture.split)
    drawn = "val" not in {picture.split for picture in pictures}
    return {folder for folder, there in sides.items() if len(there) > 1 or drawn}


def _versions(pictures: Sequence[Picture], folders: Sequence[str | None]) -> Iterator[tuple[int, int]]:
    """Pairs of pictures of one source, by their names.

    Exported versions share a source's name. `NAME_flip` is of the picture NAME of its own folder, else of the only NAME
    in its group: names that are numbers begin anew in each folder.
    """
    exported: dict[tuple[str | None, str], int] = {}
    named: dict[tuple[str | None, str], list[int]] = {}
    for i, picture in enumerate(pictures):
        named.setdefault((folders[i], picture.stem), []).append(i)
    stems: dict[str | None, set[str]] = {}
    for folder, stem in named:
        stems.setdefault(folder, set()).add(stem)
    for i, picture in enumerate(pictures):
        if source := exported_source(picture.stem):
            yield i, exported.setdefault((folders[i], source), i)
        elif source := augmented_source(picture.stem, stems[folders[i]]):
            fits = named[folders[i], source]
            here = picture.file.rpartition("/")[0]
            beside = [one for one in fits if pictures[one].file.rpartition("/")[0] == here]
            if len(beside or fits) == 1:
                yield i, (beside or fits)[0]


def _linked(names: Sequence[str | None]) -> Iterator[tuple[int, int]]:
    """Each thing with the first of its name; none for those without a name."""
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if name is not None:
            yield i, first.setdefault(name, i)
