"""The layout of a data set, detected by trying each module of `layouts`."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes import layouts
from terrazzo.scenes.pairing.folder_words import IMAGE_FOLDERS, MASK_FOLDERS
from terrazzo.scenes.scene import Found, Layout
from terrazzo.scenes.trees import Tree, open_tree
from terrazzo.system.reporting import how_many, listed

_MODULES = (import_module(f"{layouts.__name__}.{name.replace('-', '_')}") for name in layouts.LAYOUT_NAMES)
LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout for layout in sorted((module.LAYOUT for module in _MODULES), key=lambda layout: layout.rank)
}
"""Every layout by name, in the order in which they are tried."""


def check_layout(layout: str | None) -> None:
    """Raise InputError unless `layout` is None or the name of a layout."""
    if layout is not None and layout not in LAYOUTS:
        raise InputError(f"--layout {layout}: no such layout; choose one of {', '.join(LAYOUTS)}, or leave it out")


def find_scenes(root: Path, layout: str | None = None, usual: str | None = None) -> Found:
    """The scenes in a folder or zip: in `layout`, else in the usual one if it fits, else in the first that fits.

    Raises InputError, naming what was expected and what is there, where there are none.
    """
    check_layout(layout)
    check_layout(usual)
    tree = open_tree(Path(root))
    wanted = [layout] if layout else list(dict.fromkeys([usual, *LAYOUTS] if usual else LAYOUTS))
    found = next((found for name in wanted if (found := LAYOUTS[name].find(tree))), None)
    if found is None:
        looked_for = "; or ".join(f"{LAYOUTS[name].expected} ({name})" for name in wanted)
        raise InputError(f"{root}: no data set found; looked for {looked_for}; found {_contents(tree)}{_hint(root)}")
    for asset in (asset for scene in found.scenes for asset in (scene.image, scene.label)):
        if not asset.name.isascii() and asset.name != asset.name.encode(errors="replace").decode():
            raise InputError(f"{root}: the file name {asset.name!r} is not UTF-8; rename the file")
    return found


def _contents(tree: Tree) -> str:
    """What a tree holds, in a few words."""
    names = tree.files()
    if not names:
        return "no files"
    images = sum(name.lower().endswith(IMAGE_SUFFIXES) for name in names)
    top = list(dict.fromkeys(name.split("/")[0] + ("/" if "/" in name else "") for name in names))
    return f"{how_many(len(names), 'file')} ({how_many(images, 'image')}) in {listed(top)}"


def _hint(root: Path) -> str:
    folder = Path(root).resolve()
    name = folder.name.lower()
    others = MASK_FOLDERS if name in IMAGE_FOLDERS else IMAGE_FOLDERS if name in MASK_FOLDERS else ()
    return f"; did you mean {folder.parent}?" if any((folder.parent / other).is_dir() for other in others) else ""
