"""What every reader of a data set hands on: scenes (an image, its label, its group), and what it could not pair."""

from collections.abc import Callable
from dataclasses import dataclass

from terrazzo.classes.schema import ClassSchema, Color
from terrazzo.scenes.trees import Tree


@dataclass(frozen=True)
class Asset:
    """One file of a tree."""

    tree: Tree
    name: str

    @property
    def where(self) -> str:
        """The file's name as messages show it."""
        return self.tree.where(self.name)

    def read(self) -> bytes:
        """The file's bytes. Raises ImageError where it cannot be read."""
        return self.tree.read(self.name)


@dataclass(frozen=True)
class LossyColors:
    """How colour masks that were saved with losses are read: each pixel as the nearest colour's id, or as ignore."""

    schema: ClassSchema
    distance: float
    """Euclidean distance in RGB (0..441) up to which a colour is taken for the nearest class or void colour."""


@dataclass(frozen=True)
class LayoutClasses:
    """What a layout itself says about the classes of its masks."""

    schema: ClassSchema | None
    """None: they cannot be known, and `note` says why and what to do."""
    note: str
    """One line: where the classes come from."""


@dataclass(frozen=True)
class Scene:
    """An image and its label mask."""

    name: str
    """Unique within the data set: `Tile 1/image_part_001`."""
    image: Asset
    label: Asset
    group: str
    """What must stay on one side of a split: the tile, the city; the scene's own name where nothing is shared."""
    split: str | None = None
    """`train`, `val` or `test` where the layout gives a split."""
    label_ids: tuple[int, ...] | None = None
    """For labels that hold ids: the class of each value in the file, 255 for ignored ones. None: the value itself.

    Where it is given, the file is one of ids: palette images are read by their indices, colours are refused.
    """
    side_by_side: bool = False
    """Whether image and label are the left and the right half of one file."""
    lossy: LossyColors | None = None
    """Set where the label is a colour mask saved with losses; it then gives ids of that schema."""


@dataclass(frozen=True)
class Unpaired:
    """A file that makes no scene, and why."""

    asset: Asset
    problem: str


@dataclass(frozen=True)
class Found:
    """What a reader found in a data set."""

    layout: str
    scenes: tuple[Scene, ...]
    unpaired: tuple[Unpaired, ...] = ()
    class_table: Asset | None = None
    """A classes.json or classes.csv among the files; it need not agree with the masks."""
    void_colors: tuple[Color, ...] = ()
    """Colours that this layout is known to use for pixels without a class."""
    notes: tuple[str, ...] = ()
    """What was left alone, counted."""
    classes: LayoutClasses | None = None
    """The classes where the layout itself fixes them or names their table; None: to be found out from the data."""


@dataclass(frozen=True)
class Layout:
    """A way in which data sets lie in their folders."""

    name: str
    """The name of its module, with dashes."""
    find: Callable[[Tree], Found | None]
    """The scenes of a tree in this layout; None where the tree has another."""
    expected: str
    """The files that it is known by, in one line for errors and help texts."""
    rank: int
    """Layouts are tried from the lowest rank on: the most particular first, `flat` last."""
