"""The split given by files among the data: train.txt, val.txt, test.txt, or a CSV with names and splits.

A text list names one image a line, with or without suffix or folders. If a whole line names nothing, its part before
the first blank counts. A CSV has the columns `name` (or image, image_id, file, filename, stem, id, path) and `split`
(or subset, set).
"""

import csv
import io
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from terrazzo.errors import InputError
from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes.pairing.folders import IMAGE_SETS, SPLIT_FOLDERS, SPLIT_LISTS, is_split_list, left_alone
from terrazzo.scenes.pairing.stems import plain_stems
from terrazzo.scenes.scene import Asset, Found, Scene, Unpaired
from terrazzo.scenes.trees import Tree
from terrazzo.system.reporting import how_many

NAME_COLUMNS = ("name", "image", "image_id", "file", "filename", "stem", "id", "path")
SPLIT_COLUMNS = ("split", "subset", "set")


@dataclass(frozen=True)
class _Entry:
    """One line of a list."""

    list_name: str
    line: int
    text: str
    split: str


def with_split_lists(found: Found, tree: Tree) -> Found:
    """The scenes with their split by the lists among the files, and notes on the lists.

    If a list names training images, a scene in no list is reported as unpaired. Of a listed name whose image or mask is
    missing, it is said which. In PASCAL VOC's layout, images in no list need no mask. Raises InputError if a line names
    several scenes, or a scene is on two sides.
    """
    lists = [name for name in tree.files() if is_split_list(name)]
    notes: list[str] = []
    entries = [entry for name in lists for entry in _entries(Asset(tree, name), notes)]
    if not entries:
        return replace(found, notes=(*found.notes, *notes))
    names = _Names(tree, {scene.name: (scene.image.name, scene.label.name) for scene in found.scenes})
    sides: dict[int, _Entry] = {}
    strange: dict[str, list[_Entry]] = {}
    for entry in entries:
        number = names.find(entry)
        if number is None:
            strange.setdefault(entry.list_name, []).append(entry)
            continue
        earlier = sides.setdefault(number, entry)
        if earlier.split != entry.split:
            raise InputError(
                f"{tree.where(entry.list_name)}: line {entry.line} puts {found.scenes[number].name} into "
                f"{entry.split}, {earlier.list_name} line {earlier.line} into {earlier.split}; take it out of one"
            )
    in_lists: set[str] = set()
    if strange:
        found, in_lists = _with_missing(found, tree, strange, notes)
    if any(IMAGE_SETS in name.lower().split("/") for name in lists):
        found = _without_unlisted(found, in_lists)
    if not sides:
        return replace(found, notes=(*found.notes, *notes))
    return _divided(found, sides, notes)


def _with_missing(
    found: Found, tree: Tree, strange: Mapping[str, Sequence[_Entry]], notes: list[str]
) -> tuple[Found, set[str]]:
    """The listed files that lack a partner, told so in what is found; entries that name nothing go to the notes."""
    paired = {asset.name for scene in found.scenes for asset in (scene.image, scene.label)}
    others = [name for name in tree.files() if name.lower().endswith(IMAGE_SUFFIXES) and name not in paired]
    names, lone = _Names(tree, {name: (name,) for name in others}), {one.asset.name: one for one in found.unpaired}
    in_lists: set[str] = set()
    for list_name, entries in strange.items():
        nowhere: list[str] = []
        missing: dict[str, list[str]] = {}
        for entry in entries:
            listed = [others[number] for number in sorted(names.all(entry))]
            if not listed:
                nowhere.append(entry.text)
            for name in listed:
                lacks = lone[name].lacks if name in lone else None
                missing.setdefault(lacks or "mask", []).append(entry.text)
                if name in lone and name not in in_lists:
                    lone[name] = replace(lone[name], problem=f"{lone[name].problem}; it is listed in {list_name}")
            in_lists |= set(listed)
        for what, texts in missing.items():
            several = f"{len(texts)} images are listed, but their {what}s are missing, e.g. {texts[0]}"
            one = f"{texts[0]} is listed, but its {what} is missing"
            notes.append(f"{list_name}: {several if len(texts) > 1 else one}")
        if nowhere:
            notes.append(f"{list_name}: {len(nowhere)} of its entries name no image here, e.g. {nowhere[0]}")
    return replace(found, unpaired=tuple(lone.values())), in_lists


def _without_unlisted(found: Found, in_lists: set[str]) -> Found:
    """Without the images that lack a mask and that no list names."""
    left, unlisted = list[Unpaired](), list[Unpaired]()
    for one in found.unpaired:
        (unlisted if one.lacks == "mask" and one.asset.name not in in_lists else left).append(one)
    notes = left_alone([one.asset.name for one in unlisted], "image", "without mask, in no list,")
    return replace(found, unpaired=tuple(left), notes=(*found.notes, *notes))


def _divided(found: Found, sides: Mapping[int, _Entry], notes: Sequence[str]) -> Found:
    lists = ", ".join(dict.fromkeys(entry.list_name for entry in sides.values()))
    splits = [entry.split for entry in sides.values()]
    counted = ", ".join(f"{splits.count(side)} {side}" for side in ("train", "val", "test") if side in splits)
    told = [*notes, f"split: {counted} images as listed in {lists}"]
    scenes: list[Scene] = []
    unlisted: list[Scene] = []
    for number, scene in enumerate(found.scenes):
        if number in sides:
            _refuse_contradiction(scene, sides[number])
            scenes.append(replace(scene, split=sides[number].split))
            continue
        unlisted.append(scene)
        if "train" not in splits:
            scenes.append(replace(scene, split="train"))
    lone: list[Unpaired] = []
    if "train" in splits:
        lone = [Unpaired(scene.image, f"is in none of the lists of the split ({lists})") for scene in unlisted]
    elif unlisted:
        told.append(f"split: {how_many(len(unlisted), 'image')} in none of the lists, taken for training")
    return replace(found, scenes=tuple(scenes), unpaired=(*found.unpaired, *lone), notes=(*found.notes, *told))


def _refuse_contradiction(scene: Scene, entry: _Entry) -> None:
    if scene.split not in (None, entry.split):
        raise InputError(
            f"{scene.image.where}: lies in a folder of {scene.split}, but {entry.list_name} line {entry.line} lists it "
            f"as {entry.split}; move the file or take out the line"
        )


class _Names:
    """The names that a line can hold, with and without the folders above."""

    def __init__(self, tree: Tree, files: Mapping[str, Sequence[str]]) -> None:
        """`files`: the paths of each named thing, which is numbered in this order."""
        self._tree, self._files = tree, list(files.items())
        # Whole names come before names without their `_sat` or `_mask`.
        self._whole: dict[str, set[int]] = {}
        self._plain: dict[str, set[int]] = {}
        for number, (name, paths) in enumerate(self._files):
            for path in paths:
                folder, base = posixpath.split(posixpath.splitext(path)[0])
                for stem in plain_stems(base):
                    names = self._whole if stem == base else self._plain
                    for ending in _endings(posixpath.join(folder, stem)):
                        names.setdefault(ending, set()).add(number)
            self._whole.setdefault(name, set()).add(number)

    def find(self, entry: _Entry) -> int | None:
        """The number of the thing that a line names, or None. Raises InputError if it names several."""
        numbers = self.all(entry)
        if len(numbers) > 1:
            several = " and ".join(self._files[number][0] for number in sorted(numbers)[:2])
            raise InputError(
                f"{self._tree.where(entry.list_name)}: line {entry.line}: {entry.text} is the name of "
                f"{len(numbers)} images, e.g. {several}; write it with its folder"
            )
        return next(iter(numbers), None)

    def all(self, entry: _Entry) -> set[int]:
        """The numbers of all that a line names."""
        for text in dict.fromkeys((entry.text, re.split(r"[\s,;]", entry.text, maxsplit=1)[0])):
            for name in self._readings(text):
                if numbers := self._near(entry.list_name, self._whole.get(name) or self._plain.get(name, set())):
                    return numbers
        return set()

    def _readings(self, text: str) -> Iterator[str]:
        """The name in a line; of a path from above the root also its parts below."""
        cleaned = unicodedata.normalize("NFC", text).replace("\\", "/").removeprefix("./")
        suffix = posixpath.splitext(cleaned)[1]
        name = cleaned.removesuffix(suffix) if suffix.lower() in IMAGE_SUFFIXES else cleaned
        yield name.lstrip("/")
        parts = PurePosixPath(name).parts
        if name.startswith("/") or re.match(r"[A-Za-z]:/", name):
            yield from ("/".join(parts[i:]) for i in range(2, len(parts)))
        elif len(parts) > 1 and parts[0] == self._tree.name:
            yield "/".join(parts[1:])

    def _near(self, list_name: str, numbers: set[int]) -> set[int]:
        """Of things with one name, those below the list's own folder, if there are any."""
        folder = posixpath.dirname(list_name)
        below = {n for n in numbers if folder and self._files[n][1][0].startswith(f"{folder}/")}
        return below or numbers


def _endings(name: str) -> Iterator[str]:
    parts = name.split("/")
    yield from ("/".join(parts[i:]) for i in range(len(parts)))


def _entries(asset: Asset, notes: list[str]) -> list[_Entry]:
    """The lines of a list. Raises InputError if it is no text or holds an unknown split."""
    try:
        text = asset.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{asset.where}: is not UTF-8 text ({error.reason}); save it as UTF-8") from error
    stem, suffix = posixpath.splitext(posixpath.basename(asset.name).lower())
    if suffix == ".csv":
        return _csv_entries(asset, text, notes)
    entries = [
        _Entry(asset.name, number, line.strip(), SPLIT_LISTS[stem])
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not entries:
        notes.append(f"{asset.name} is not used as a split: it names no image")
    return entries


def _csv_entries(asset: Asset, text: str, notes: list[str]) -> list[_Entry]:
    delimiter = ";" if ";" in text.strip().split("\n", 1)[0] else ","
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise InputError(f"{asset.where}: line {reader.line_num}: {error}; save it as plain CSV") from error
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    names, splits = ([c for c in columns if c in header] for columns in (NAME_COLUMNS, SPLIT_COLUMNS))
    if not names or not splits:
        notes.append(f"{asset.name} is not used as a split: its columns are {', '.join(header) or 'none'}")
        return []
    entries = []
    for number, cells in rows[1:]:
        row = dict(zip(header, cells, strict=False))
        side = SPLIT_FOLDERS.get(row.get(splits[0], "").lower())
        if side is None or not row.get(names[0]):
            raise InputError(
                f"{asset.where}: line {number}: {row.get(splits[0], '')!r} for {row.get(names[0], '')!r}; "
                "expected a name and train, val or test"
            )
        entries.append(_Entry(asset.name, number, row[names[0]], side))
    return entries
