"""The layout of a data set, detected by trying each module of `layouts`."""

import posixpath
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.scenes import layouts
from terrazzo.scenes.layouts import annotations, flat
from terrazzo.scenes.naming import Naming
from terrazzo.scenes.pairing.folder_words import IMAGE_FOLDER, IMAGE_FOLDERS, MASK_FOLDER, MASK_FOLDERS, folder_name
from terrazzo.scenes.pairing.patterns import pair_by_patterns
from terrazzo.scenes.pairing.siblings import is_picture
from terrazzo.scenes.pairing.two_folders import pair_two_folders
from terrazzo.scenes.raster_pictures import raster_command
from terrazzo.scenes.scene import Found, Layout
from terrazzo.scenes.trees import JoinedTree, Tree, open_tree
from terrazzo.system.reporting import how_many, listed

_MODULES = (import_module(f"{layouts.__name__}.{name.replace('-', '_')}") for name in layouts.LAYOUT_NAMES)
LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout for layout in sorted((module.LAYOUT for module in _MODULES), key=lambda layout: layout.rank)
}
"""Every layout by name, in the order in which they are tried."""


BY_LOOKING = Naming()
NOTHING = "no images with masks found"
_FOLDERS = 6


def check_layout(layout: str | None) -> None:
    """Raise InputError unless `layout` is None or the name of a layout."""
    if layout is not None and layout not in LAYOUTS:
        raise InputError(f"--layout {layout}: no such layout; choose one of {', '.join(LAYOUTS)}, or leave it out")


def find_scenes(root: Path, layout: str | None = None, usual: str | None = None, naming: Naming = BY_LOOKING) -> Found:
    """The scenes in a folder or zip: as `naming` says, else in `layout`, else in the first layout that fits.

    The usual layout is tried first. Raises InputError, naming what was expected and what is there, where there are
    none.
    """
    check_layout(layout)
    check_layout(usual)
    found = _named(Path(root), layout, naming) if naming.is_given else _detected(Path(root), layout, usual)
    for asset in (asset for scene in found.scenes for asset in (scene.image, scene.label)):
        if not asset.name.isascii() and asset.name != asset.name.encode(errors="replace").decode():
            raise InputError(f"{root}: the file name {asset.name!r} is not UTF-8; rename the file")
    return found


def _named(root: Path, layout: str | None, naming: Naming) -> Found:
    """The scenes of two folders, or of files whose names fit patterns."""
    if layout not in (None, flat.NAME, annotations.NAME):
        raise InputError(f"--layout {layout}: finds images and masks itself; leave it out, or the folder and patterns")
    by_patterns = naming.image_suffix is not None or naming.mask_suffix is not None
    if naming.masks is None:
        tree = open_tree(root)
        return flat.found_of(tree, pair_by_patterns(tree, naming.image_suffix, naming.mask_suffix))
    tree, (images, masks) = _joined(root, naming.masks)
    if by_patterns:
        found = flat.found_of(tree, pair_by_patterns(tree, naming.image_suffix, naming.mask_suffix))
    elif (annotated := _annotated(tree, masks)) is not None:
        found = annotated
    else:
        found = flat.found_of(tree, pair_two_folders(tree, images, masks))
    note = f"pictures: images in {root}, {'masks' if found.layout == flat.NAME else 'annotations'} in {naming.masks}"
    return replace(found, notes=(note, *found.notes), words=(str(root), str(naming.masks)))


def _joined(root: Path, masks: Path) -> tuple[Tree, tuple[str, str]]:
    """Images and masks as one tree, and the names that the two have in it."""
    if root.resolve() == masks.resolve():
        raise InputError(f"{root}: is both the images and the masks; give two folders, or one and --mask-suffix")
    swapped = [folder_name(path.resolve().stem).kind for path in (root, masks)]
    if swapped == [MASK_FOLDER, IMAGE_FOLDER]:
        raise InputError(f"{root} {masks}: the names say masks and images; give the images first")
    tops = root.resolve().name or "images", masks.resolve().name
    tops = (tops[0], tops[1] if tops[1] != tops[0] else f"{tops[1]} (masks)")
    trees = open_tree(root, without=masks), open_tree(masks, without=root)
    return JoinedTree(root.resolve().parent, dict(zip(tops, trees, strict=True))), tops


def _annotated(tree: Tree, masks: str) -> Found | None:
    """The scenes where the folder of masks holds annotations, and no image; None elsewhere."""
    if any(is_picture(name) for name in tree.files() if name.startswith(f"{masks}/")):
        return None
    return annotations.find(tree)


def _detected(root: Path, layout: str | None, usual: str | None) -> Found:
    """The scenes in the first layout that fits."""
    tree = open_tree(root)
    wanted = [layout] if layout else list(dict.fromkeys([usual, *LAYOUTS] if usual else LAYOUTS))
    found = next((found for name in wanted if (found := LAYOUTS[name].find(tree))), None)
    if found is None:
        expected = f"not in the layout {layout}: expected {LAYOUTS[layout].expected}" if layout else NOTHING
        raise InputError(f"{root}: {expected}; {_contents(tree)}{_hint(root)}")
    if (problem := raster_command(root, found)) is not None:
        raise InputError(problem)
    return found


def _contents(tree: Tree) -> str:
    """The folders of a tree with what they hold, and what to do, in a few words."""
    names = tree.files()
    if not names:
        return "found no files"
    folders: dict[str, list[str]] = {}
    for name in names:
        folders.setdefault(posixpath.dirname(name), []).append(name)
    counts = {folder: sum(map(is_picture, inside)) for folder, inside in folders.items()}
    told = [
        f"{folder or '.'}/ ({how_many(counts[folder], 'image') if counts[folder] else how_many(len(inside), 'file')})"
        for folder, inside in sorted(folders.items(), key=lambda item: -counts[item[0]])
    ]
    ways = "give images and masks as two folders (IMAGES MASKS), or what names end with (--mask-suffix _mask.png)"
    return f"found folders: {listed(told, _FOLDERS)}{f'; {ways}' if any(counts.values()) else ''}"


def _hint(root: Path) -> str:
    folder = Path(root).resolve()
    name = folder.name.lower()
    others = MASK_FOLDERS if name in IMAGE_FOLDERS else IMAGE_FOLDERS if name in MASK_FOLDERS else ()
    return f"; did you mean {folder.parent}?" if any((folder.parent / other).is_dir() for other in others) else ""
