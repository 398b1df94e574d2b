"""Images and labels paired by a key that a layout takes from their names."""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from terrazzo.scenes.scene import Asset, Unpaired
from terrazzo.scenes.trees import Tree

K = TypeVar("K")


@dataclass(frozen=True)
class Keyed(Generic[K]):
    """Files by key; two images or labels of one key are reported as unpaired."""

    images: dict[K, list[str]] = field(default_factory=dict)
    labels: dict[K, list[str]] = field(default_factory=dict)

    def add_image(self, key: K, name: str) -> None:
        """Note an image of this key."""
        self.images.setdefault(key, []).append(name)

    def add_label(self, key: K, name: str) -> None:
        """Note a label of this key."""
        self.labels.setdefault(key, []).append(name)

    def pairs(self) -> Mapping[K, tuple[str, str]]:
        """Image and label of each key that has exactly one of each, in the order of the images."""
        return {
            key: (names[0], self.labels[key][0])
            for key, names in self.images.items()
            if len(names) == 1 and len(self.labels.get(key, ())) == 1
        }

    def unpaired(self, tree: Tree, label_of: Callable[[K], str], image_of: Callable[[K], str]) -> list[Unpaired]:
        """The files in no pair; the two functions name the missing file of a key."""
        lone: list[Unpaired] = []
        for key in dict.fromkeys((*self.images, *self.labels)):
            images, labels = self.images.get(key, []), self.labels.get(key, [])
            if len(images) > 1 or len(labels) > 1:
                lone += _unclear(tree, images if len(images) > 1 else labels, (*images, *labels))
            elif not labels:
                lone += [Unpaired(Asset(tree, images[0]), f"image without mask: there is no {label_of(key)}", "mask")]
            elif not images:
                lone += [Unpaired(Asset(tree, labels[0]), f"mask without image: there is no {image_of(key)}", "image")]
        return lone


def _unclear(tree: Tree, twice: Iterable[str], all_names: Iterable[str]) -> list[Unpaired]:
    listed = " and ".join(posixpath.normpath(name) for name in twice)
    return [Unpaired(Asset(tree, name), f"{listed} have one name; keep one of them") for name in all_names]
