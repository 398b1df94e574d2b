"""From images with masks to a finished folder of patches: check, cut, split, write beside, rename."""

import csv
import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo._version import __version__
from terrazzo.contract import Checked, CheckedScene, LabelOptions, check, read_label
from terrazzo.cutting import Cut, check_patching, corners, cut
from terrazzo.errors import LabelError, OutputExistsError, PatchesError
from terrazzo.files import digest, refuse_existing, scratch_beside, write_folder_beside, write_json
from terrazzo.patches import DESCRIPTION, FORMAT, IMAGES, INDEX, INDEX_FIELDS, MASKS, Patches, open_patches
from terrazzo.reading import Reader
from terrazzo.reporting import Progress, Say, as_html
from terrazzo.schema import IGNORE, ClassSchema
from terrazzo.splits import PatchOrigins, Split, SplitOptions, counts, describe_leak, make_split
from terrazzo.survey import n_cores

BANDS = 3


@dataclass(frozen=True)
class Prepared:
    """What prepare did: the patches, whether they were there already, and what the user should be told."""

    patches: Patches
    kept: bool
    lines: tuple[str, ...]

    def summary(self) -> list[str]:
        """What was prepared, in two lines: patches by split, and what the split's scores are worth."""
        told = self.patches.description
        splits = ", ".join(f"{side} {count}" for side, count in told["splits"].items())
        return [
            f"{len(self.patches)} patches of {self.patches.patch_size} px from {len(told['images'])} images: {splits}",
            f"split by {told['split_method']}: {describe_leak(self.patches.leak)}",
        ]

    def _repr_html_(self) -> str:
        return as_html([*self.lines, *self.summary()])


def prepare_patches(
    root: Path, out: Path, labels: LabelOptions, split: SplitOptions, overwrite: bool, progress: Progress, say: Say
) -> Prepared:
    """Check images and masks, then write their patches to the folder `out`.

    Nothing is written before the label contract holds; what `say` gets are the contract's notes and warnings. Raises
    LabelError where the contract refuses, SplitError where the split cannot be made, OutputExistsError where
    something else is in the way; an interrupted run leaves nothing at `out`.
    """
    check_patching(labels.patch_size, labels.fit)
    if out.is_file():
        raise OutputExistsError(f"{out}: is a file; --out takes a folder")
    _refuse_the_data(root, out)
    with _reader(out, labels.downsample) as reader:
        checked = check(root, labels, progress, reader)
        for line in checked.report.lines():
            say(line)
        if checked.report.refusal is not None:
            raise LabelError(checked.report.refusal)
        key = _key(checked, labels, split)
        if not overwrite and (kept := _finished(out, key)) is not None:
            return Prepared(kept, True, ())
        refuse_existing(out, "a finished set of patches", overwrite)
        with write_folder_beside(out) as folder:
            index = _write_pixels(folder, checked, labels, reader, progress)
            result = make_split(index.origins(checked), split)
            _write_index(folder / INDEX, index, checked, result)
            write_json(folder / DESCRIPTION, _describe(checked, labels, split, index, result, key))
    return Prepared(open_patches(out), False, result.warnings)


def _refuse_the_data(root: Path, out: Path) -> None:
    """Raise OutputExistsError where --overwrite would put the patches in place of the data, or of a part of them."""
    data, place = root.resolve(), out.resolve()
    is_part = data in place.parents and place.is_dir() and any(place.iterdir()) and not (out / DESCRIPTION).is_file()
    if place == data or place in data.parents or is_part:
        raise OutputExistsError(f"{out}: holds the data or a part of them; choose another --out")


@contextmanager
def _reader(out: Path, downsample: float) -> Iterator[Reader]:
    """How images are read. Made smaller they are kept on disk from the check to the cutting: each is decoded once.

    At full size they are decoded twice, which costs less than writing and reading what they unpack to.
    """
    if downsample == 1:
        yield Reader()
        return
    with scratch_beside(out) as folder:
        yield Reader(downsample, folder)


@dataclass
class _Index:
    """What is known of each patch once its pixels are written."""

    image: NDArray[np.int64]
    corners: NDArray[np.int64]
    class_pixels: NDArray[np.int64]
    valid_pixels: NDArray[np.int64]
    pixel_hash: str

    def origins(self, checked: Checked) -> PatchOrigins:
        scenes = [scene.scene for scene in checked.scenes]
        names = sorted({scene.group for scene in scenes}, key=[scene.group for scene in scenes].index)
        group = np.array([names.index(scene.group) for scene in scenes], np.int64)
        return PatchOrigins(
            self.image,
            group[self.image],
            tuple(scenes[image].split for image in self.image),
            self.class_pixels,
            self.valid_pixels,
            checked.schema.names,
            tuple(names),
        )


def _write_pixels(folder: Path, checked: Checked, labels: LabelOptions, reader: Reader, progress: Progress) -> _Index:
    """Decode and cut in parallel, write in order: the files are the same whatever the number of threads."""
    size, schema = labels.patch_size, checked.schema
    per_scene = [len(corners(scene.height, scene.width, size, labels.fit)) for scene in checked.scenes]
    n_patches = sum(per_scene)
    if n_patches == 0:
        raise LabelError(
            f"no image is as large as a patch of {size} px, so there is nothing to cut; "
            "use a smaller --patch-size, or --fit pad or resize"
        )
    hasher = hashlib.blake2b(digest_size=16)
    class_pixels = np.zeros((n_patches, schema.n_classes), np.int64)
    all_corners = np.zeros((n_patches, 2), np.int64)
    at = 0

    def work(scene: CheckedScene) -> tuple[Cut, NDArray[np.int64]]:
        image = reader.photo(scene.scene).pixels
        pieces = cut(image, read_label(scene.scene, schema, labels.unknown, reader), size, labels.fit)
        return pieces, _class_pixels(pieces.masks, schema)

    with (folder / IMAGES).open("wb") as images, (folder / MASKS).open("wb") as masks:
        _npy_header(images, (n_patches, size, size, BANDS))
        _npy_header(masks, (n_patches, size, size))
        for number, (pieces, pixels) in enumerate(_ordered(work, checked.scenes), start=1):
            for stream, array in ((images, pieces.images), (masks, pieces.masks)):
                stream.write(array.data)
                hasher.update(array.data)
            end = at + len(pieces.masks)
            class_pixels[at:end], all_corners[at:end] = pixels, pieces.corners
            at = end
            progress("cutting patches", number, len(checked.scenes))
    image_of = np.repeat(np.arange(len(per_scene)), per_scene)
    return _Index(image_of, all_corners, class_pixels, class_pixels.sum(axis=1), hasher.hexdigest())


def _ordered(
    work: Callable[[CheckedScene], tuple[Cut, NDArray[np.int64]]], scenes: Sequence[CheckedScene]
) -> Iterator[tuple[Cut, NDArray[np.int64]]]:
    """`map(work, scenes)` on threads, in order, with few results waiting at a time, so that memory stays bounded."""
    workers = n_cores()
    waiting: deque[Future[tuple[Cut, NDArray[np.int64]]]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for scene in scenes:
            waiting.append(pool.submit(work, scene))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _class_pixels(masks: NDArray[np.uint8], schema: ClassSchema) -> NDArray[np.int64]:
    """Valid pixels (n, K) of each class in each patch."""
    table = np.zeros((len(masks), IGNORE + 1), np.int64)
    for row, mask in zip(table, masks, strict=True):
        row[:] = np.bincount(mask.ravel(), minlength=IGNORE + 1)
    return table[:, : schema.n_classes]


def _npy_header(stream: Any, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_2_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _write_index(path: Path, index: _Index, checked: Checked, split: Split) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(INDEX_FIELDS)
        for patch, image in enumerate(index.image):
            row, col = index.corners[patch]
            group = checked.scenes[image].scene.group
            writer.writerow([patch, image, group, row, col, split.sides[patch], index.valid_pixels[patch]])


def _describe(
    checked: Checked, labels: LabelOptions, options: SplitOptions, index: _Index, split: Split, key: str
) -> dict[str, Any]:
    """dataset.json."""
    schema = checked.schema.to_dict()
    pixels = index.class_pixels.sum(axis=0)
    for entry in schema["classes"]:
        entry["pixels"] = int(pixels[entry["id"]])
    return {
        "format": FORMAT,
        "terrazzo_version": __version__,
        "n_patches": len(index.image),
        "patch_size": labels.patch_size,
        "bands": BANDS,
        "fit": labels.fit,
        "downsample": labels.downsample,
        "layout": checked.layout,
        **schema,
        "splits": counts(split.sides),
        "split_method": split.method,
        "split_options": asdict(options),
        "leak": split.leak,
        "seed": options.seed,
        "images": [
            {
                "name": item.scene.name,
                "group": item.scene.group,
                "height": item.height,
                "width": item.width,
                "hash": item.pixel_hash,
            }
            for item in checked.scenes
        ],
        "notes": list(split.warnings),
        "content_hash": digest(index.pixel_hash, "".join(split.sides), json.dumps(schema)),
        "key": key,
    }


def _key(checked: Checked, labels: LabelOptions, split: SplitOptions) -> str:
    """The hash of everything that decides the patches: files, classes, options, format."""
    parts: list[str | bytes] = [str(FORMAT), json.dumps(checked.schema.to_dict()), json.dumps(asdict(split))]
    parts += [str(labels.patch_size), labels.fit, labels.unknown]
    parts += [f"downsample {labels.downsample!r}"] if labels.downsample != 1 else []
    for item in checked.scenes:
        scene = item.scene
        parts += [scene.name, scene.group, str(scene.split), item.pixel_hash, digest(scene.label.read())]
        parts += [str(scene.label_ids)] if scene.label_ids is not None else []
    return digest(*parts)


def _finished(out: Path, key: str) -> Patches | None:
    """The patches at `out` where they are finished and were made from the same inputs and options."""
    if not (out / DESCRIPTION).is_file():
        return None
    try:
        patches = open_patches(out)
    except PatchesError:
        return None
    return patches if patches.description.get("key") == key else None
