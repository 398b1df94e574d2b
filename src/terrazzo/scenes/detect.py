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
from terrazzo.scenes.pairing.folder_words import IMAGE_FOLDER, MASK_FOLDER, folder_name
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
_NO_MASKS = (".npy", ".npz", ".mat", ".gif", ".h5", ".svg", ".psd", ".xcf")
"""Formats that masks have elsewhere and that are not read."""


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
    sides = None if naming.masks is None else _two_trees(root, naming.masks)
    tree = open_tree(root) if sides is None else JoinedTree(root.resolve().parent, sides)
    tops = None if sides is None else tuple(sides)
    if naming.image_suffix is not None or naming.mask_suffix is not None:
        pairing = pair_by_patterns(tree, naming.image_suffix, naming.mask_suffix, tops)
    elif tops is not None and (annotated := _annotated(tree, tops[1])) is not None:
        note = f"pictures: images in {root}, annotations in {naming.masks}"
        return replace(annotated, notes=(note, *annotated.notes), words=naming.words(root))
    else:
        pairing = pair_two_folders(tree, *(tops or ()))
    if sides is not None and naming.masks is not None and not any(map(is_picture, sides[[*sides][1]].files())):
        raise InputError(f"{naming.masks}: holds no masks; expected pictures; {_contents(sides[[*sides][1]])}")
    if not pairing.pairs:
        flat.refuse_masks_of_classes(tree, tops[1] if tops else None)
    found = flat.found_of(tree, pairing)
    notes = () if tops is None else (f"pictures: images in {root}, masks in {naming.masks}",)
    return replace(found, notes=(*notes, *found.notes), words=naming.words(root))


def _annotated(tree: Tree, masks: str) -> Found | None:
    """The scenes where the folder of masks holds annotations, and no image; None elsewhere."""
    if any(is_picture(name) for name in tree.files() if name.startswith(f"{masks}/")):
        return None
    return annotations.find(tree)


def _two_trees(root: Path, masks: Path) -> dict[str, Tree]:
    """The trees of the images and of the masks by their names. Raises InputError if these say that they are swapped."""
    if root.resolve() == masks.resolve():
        raise InputError(f"{root}: is both the images and the masks; give two folders, or one and --mask-suffix")
    if [folder_name(path.resolve().stem).kind for path in (root, masks)] == [MASK_FOLDER, IMAGE_FOLDER]:
        raise InputError(f"{root} {masks}: the names say masks and images; give the images first")
    one, two = root.resolve().name or IMAGE_FOLDER, masks.resolve().name
    two = f"{two} ({MASK_FOLDER})" if two == one else two
    return {one: open_tree(root, without=masks), two: open_tree(masks, without=root)}


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
        return "found no files; give the folder or .zip that holds them"
    folders: dict[str, list[str]] = {}
    for name in names:
        folders.setdefault(posixpath.dirname(name), []).append(name)
    counts = {folder: sum(map(is_picture, inside)) for folder, inside in folders.items()}
    told = [
        f"{folder or '.'}/ ({how_many(counts[folder], 'image') if counts[folder] else how_many(len(inside), 'file')})"
        for folder, inside in sorted(folders.items(), key=lambda item: -counts[item[0]])
    ]
    others = [name for name in names if name.lower().endswith(_NO_MASKS)]
    ways = "give images and masks as two folders (IMAGES MASKS), or what names end with (--mask-suffix _mask.png)"
    ways = ways if any(counts.values()) else ""
    if others:
        ways = f"{posixpath.splitext(others[0])[1]} files are not read, e.g. {others[0]}: save them as PNG"
    return f"found folders: {listed(told, _FOLDERS)}{f'; {ways}' if ways else ''}"


def _hint(root: Path) -> str:
    """The folder above, where a sibling of the root holds the other half by its name."""
    folder = Path(root).resolve()
    name = folder_name(folder.name)
    other = {IMAGE_FOLDER: MASK_FOLDER, MASK_FOLDER: IMAGE_FOLDER}.get(name.kind or "")
    if other is None or not folder.is_dir():
        return ""
    siblings = (folder_name(path.name) for path in folder.parent.iterdir() if path.is_dir())
    has_other_half = any(said.kind == other and said.rest == name.rest for said in siblings)
    return f"; did you mean {folder.parent}?" if has_other_half else ""
