"""What every layout finds: scenes (an image, its label, its group), and files that it could not pair."""

from collections.abc import Callable
from dataclasses import dataclass

from terrazzo.classes.schema import ClassSchema, Color
from terrazzo.scenes.annotations.drawing import Drawing
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
    """How colour masks with compression losses are read: each pixel as the nearest colour's id, or as ignore."""

    schema: ClassSchema
    distance: float
    """Largest Euclidean distance in RGB (0..441) from a colour to its class or void colour."""


@dataclass(frozen=True)
class LayoutClasses:
    """What a layout says about the classes of its masks."""

    schema: ClassSchema | None
    """None: not known, and `note` says why and what to do."""
    note: str
    """One line: where the classes come from."""


@dataclass(frozen=True)
class Scene:
    """An image and its label mask."""

    name: str
    """Unique within the data set: `Tile 1/image_part_001`."""
    image: Asset
    label: Asset | Drawing
    """A mask file, or polygons that are drawn when the label is read."""
    group: str
    """What must stay on one side of a split: the tile, the city; by default the scene's own name."""
    split: str | None = None
    """`train`, `val` or `test` if the layout gives a split."""
    label_ids: tuple[int, ...] | None = None
    """For id masks: the class of each value in the file, 255 for ignored ones. None: the value itself.

    If given, palette images are read by their indices and colours are refused.
    """
    side_by_side: bool = False
    """Whether image and label are the left and right half of one file."""
    lossy: LossyColors | None = None
    """Set if the label is a colour mask with compression losses; it is then read as ids of that schema."""


@dataclass(frozen=True)
class Unpaired:
    """A file without a partner, and why."""

    asset: Asset
    problem: str
    lacks: str | None = None
    """`mask` or `image` where that is missing; None where it is not clear which of several it is."""


@dataclass(frozen=True)
class Found:
    """What a layout found in a data set."""

    layout: str
    scenes: tuple[Scene, ...]
    unpaired: tuple[Unpaired, ...] = ()
    class_table: Asset | None = None
    """A classes.json or classes.csv among the files; it need not agree with the masks."""
    void_colors: tuple[Color, ...] = ()
    """Colours that this layout uses for pixels without a class."""
    notes: tuple[str, ...] = ()
    """What was left out, counted, and other remarks."""
    classes: LayoutClasses | None = None
    """The classes if the layout fixes them or names their table; None: from the data."""
    names: tuple[str, ...] = ()
    """The class names that the numbers of drawn labels stand for; empty for mask files."""
    words: tuple[str, ...] = ()
    """The words that name the data set in a command, where one path does not."""


@dataclass(frozen=True)
class Layout:
    """How a data set is arranged in folders."""

    name: str
    """The name of its module, with dashes."""
    find: Callable[[Tree], Found | None]
    """The scenes of a tree; None if it has another layout."""
    expected: str
    """The files that it is known by, in one line for errors and help texts."""
    rank: int
    """Layouts are tried in ascending rank: the most specific first, `flat` last."""
