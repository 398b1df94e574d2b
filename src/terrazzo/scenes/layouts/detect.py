"""Which layout a folder or zip has, found by looking. A new layout is one module with NAME, EXPECTED and find(tree)."""

from collections.abc import Callable, Mapping
from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes.layouts import camvid, cityscapes, cityscapes_pairs, flat, humans_in_the_loop, semantic_drone
from terrazzo.scenes.pairing.folders import IMAGE_FOLDERS, MASK_FOLDERS
from terrazzo.scenes.scene import Found, Tree
from terrazzo.scenes.trees import open_tree
from terrazzo.system.reporting import how_many

Finder = Callable[[Tree], Found | None]

# In this order: the most particular layout first.
_READERS = (humans_in_the_loop, semantic_drone, cityscapes, cityscapes_pairs, camvid, flat)
LAYOUTS: Mapping[str, Finder] = {reader.NAME: reader.find for reader in _READERS}
_EXPECTED: Mapping[str, str] = {reader.NAME: reader.EXPECTED for reader in _READERS}


def check_layout(layout: str | None) -> None:
    """Raise InputError unless `layout` is None (find out by looking) or the name of a known layout."""
    if layout is not None and layout not in LAYOUTS:
        raise InputError(f"--layout {layout}: no such layout; choose one of {', '.join(LAYOUTS)}, or leave it out")


def find_scenes(root: Path, layout: str | None = None) -> Found:
    """The scenes in a folder or zip. Raises InputError at none, saying what was looked for and what is there."""
    check_layout(layout)
    tree = open_tree(Path(root))
    wanted = [layout] if layout else list(LAYOUTS)
    found = next((found for name in wanted if (found := LAYOUTS[name](tree))), None)
    if found is None:
        looked_for = "; or ".join(f"{_EXPECTED[name]} ({name})" for name in wanted)
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
    shown = ", ".join(top[:4]) + (f" and {len(top) - 4} more" if len(top) > 4 else "")
    return f"{how_many(len(names), 'file')} ({how_many(images, 'image')}) in {shown}"


def _hint(root: Path) -> str:
    folder = Path(root).resolve()
    name = folder.name.lower()
    others = MASK_FOLDERS if name in IMAGE_FOLDERS else IMAGE_FOLDERS if name in MASK_FOLDERS else ()
    return f"; did you mean {folder.parent}?" if any((folder.parent / other).is_dir() for other in others) else ""
