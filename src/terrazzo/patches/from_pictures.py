"""From images with masks to a finished folder of patches: check, cut, split, write beside, rename."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import LabelError
from terrazzo.patches.cutting import Cut, check_patching, corners, cut
from terrazzo.patches.folder import FORMAT, MARK, open_patches
from terrazzo.patches.prepared import Prepared, refuse_place
from terrazzo.patches.splits.split import SplitOptions, make_split
from terrazzo.patches.writer import Making, Source, Written, count_classes, finished, open_writer, write_tables
from terrazzo.scenes.contract.check import Checked, CheckedScene, check, read_label
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.contract.reading import Reader
from terrazzo.system.files import digest, refuse_existing, scratch_beside, write_folder_beside
from terrazzo.system.machine import n_cores
from terrazzo.system.reporting import Progress, Say

BANDS = 3


def prepare_patches(
    root: Path, out: Path, labels: LabelOptions, split: SplitOptions, overwrite: bool, progress: Progress, say: Say
) -> Prepared:
    """Check images and masks, then write their patches to the folder `out`.

    Nothing is written before the label contract holds; what `say` gets are the contract's notes and warnings. Raises
    LabelError where the contract refuses, SplitError where the split cannot be made, OutputExistsError where
    something else is in the way; an interrupted run leaves nothing at `out`.
    """
    check_patching(labels.patch_size, labels.fit)
    refuse_place(out, [root])
    with _reader(out, labels.downsample) as reader:
        checked = check(root, labels, progress, reader)
        for line in checked.report.lines():
            say(line)
        if checked.report.refusal is not None:
            raise LabelError(checked.report.refusal)
        key = _key(checked, labels, split)
        if not overwrite and (kept := finished(out, key)) is not None:
            return Prepared(kept, True, ())
        refuse_existing(out, "a finished set of patches", overwrite, MARK)
        with write_folder_beside(out) as folder:
            written = _write_pixels(folder, checked, labels, reader, progress)
            sources = [_source(scene) for scene in checked.scenes]
            result = make_split(written.origins(sources, checked.schema), split)
            told = {"fit": labels.fit, "downsample": labels.downsample, "layout": checked.layout}
            write_tables(folder, written, sources, checked.schema, result, Making(key, split, told))
    return Prepared(open_patches(out), False, result.warnings)


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


def _source(checked: CheckedScene) -> Source:
    scene = checked.scene
    return Source(scene.name, scene.group, scene.split, checked.height, checked.width, checked.pixel_hash)


def _write_pixels(folder: Path, checked: Checked, labels: LabelOptions, reader: Reader, progress: Progress) -> Written:
    """Decode and cut in parallel, write in order: the files are the same whatever the number of threads."""
    size, schema = labels.patch_size, checked.schema
    if not any(len(corners(scene.height, scene.width, size, labels.fit)) for scene in checked.scenes):
        raise LabelError(
            f"no image is as large as a patch of {size} px, so there is nothing to cut; "
            "use a smaller --patch-size, or --fit pad or resize"
        )

    def work(scene: CheckedScene) -> tuple[Cut, NDArray[np.int64]]:
        image = reader.photo(scene.scene).pixels
        pieces = cut(image, read_label(scene.scene, schema, labels.unknown, reader), size, labels.fit)
        return pieces, count_classes(pieces.masks, schema.n_classes)

    with open_writer(folder, size, BANDS, schema.n_classes) as writer:
        for number, (pieces, pixels) in enumerate(_ordered(work, checked.scenes)):
            writer.add(number, pieces, pixels)
            progress("cutting patches", number + 1, len(checked.scenes))
        return writer.finish()


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


def _key(checked: Checked, labels: LabelOptions, split: SplitOptions) -> str:
    """The hash of everything that decides the patches: files, classes, options, format."""
    parts: list[str | bytes] = [str(FORMAT), json.dumps(checked.schema.to_dict()), json.dumps(split.to_dict())]
    parts += [str(labels.patch_size), labels.fit, labels.unknown]
    parts += [f"downsample {labels.downsample!r}"] if labels.downsample != 1 else []
    for item in checked.scenes:
        scene = item.scene
        parts += [scene.name, scene.group, str(scene.split), item.pixel_hash, digest(scene.label.read())]
        parts += [str(scene.label_ids)] if scene.label_ids is not None else []
    return digest(*parts)
