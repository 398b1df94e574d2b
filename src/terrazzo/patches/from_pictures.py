"""Pictures with masks, in a folder or zip, as a source of patches."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import LabelError
from terrazzo.patches.cutting import Cut, cut, grid
from terrazzo.patches.write_patches import Cuttable, Preparation
from terrazzo.patches.writer import PatchWriter, Source, Written, count_classes
from terrazzo.scenes.alpha import doubts_about_alpha
from terrazzo.scenes.contract.check import Checked, check, read_label
from terrazzo.scenes.contract.reading import Reader
from terrazzo.scenes.contract.verdicts import CheckedScene
from terrazzo.scenes.detect import find_scenes
from terrazzo.system.files import digest, scratch_beside
from terrazzo.system.machine import n_cores

BANDS = 3


@dataclass(frozen=True)
class Pictures:
    """A data set of pictures."""

    root: Path
    usual_layout: str | None = None
    """The layout that a recipe is for: tried first where the options name none."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The folder or zip."""
        return (self.root,)

    @contextmanager
    def opened(self, asked: Preparation) -> Iterator[Cuttable]:
        """The scenes that keep the label contract; its notes and warnings are reported. Raises LabelError at others."""
        labels = asked.labels
        with ExitStack() as opened:
            # Downsampled images stay on disk between check and cutting, so that each is decoded once. Decoding twice at
            # full size costs less than writing and reading the pixels.
            keep = None if labels.downsample == 1 else opened.enter_context(scratch_beside(asked.out))
            reader = Reader(labels.downsample, keep)
            found = find_scenes(self.root, labels.layout, self.usual_layout)
            checked = check(self.root, found, labels, asked.patches.least_side, asked.reporter.progress, reader)
            for line in checked.report.lines():
                asked.reporter.say(line)
            for line in doubts_about_alpha(found):
                asked.reporter.say(line)
            if checked.report.refusal is not None:
                raise LabelError(checked.report.refusal)
            told = {"layout": checked.layout}
            yield Cuttable(
                checked.schema, BANDS, asked.split, partial(_cut, asked, checked, reader), _key(asked, checked), told
            )


def _key(asked: Preparation, checked: Checked) -> list[str | bytes]:
    """The scale, and of each scene the names, pixels and labels."""
    parts: list[str | bytes] = []
    parts += [f"downsample {asked.labels.downsample!r}"] if asked.labels.downsample != 1 else []
    for item in checked.scenes:
        scene = item.scene
        parts += [scene.name, scene.group, str(scene.split), item.pixel_hash, digest(scene.label.read())]
        parts += [str(scene.label_ids)] if scene.label_ids is not None else []
    return parts


def _cut(asked: Preparation, checked: Checked, reader: Reader, writer: PatchWriter) -> Written:
    """Decode and cut in parallel, write in order: the files do not depend on the number of threads."""
    size, fit, schema = asked.patches.patch_size, asked.patches.fit, checked.schema
    if not any(np.prod(grid(scene.height, scene.width, size, fit)) for scene in checked.scenes):
        raise LabelError(
            f"no image is as large as a patch of {size} px, so there is nothing to cut; "
            "use a smaller --patch-size, or --fit pad or resize"
        )

    def work(scene: CheckedScene) -> tuple[Cut, NDArray[np.int64]]:
        image = reader.photo(scene.scene).pixels
        pieces = cut(image, read_label(scene.scene, schema, asked.labels.unknown, reader), size, fit)
        return pieces, count_classes(pieces.masks, schema.n_classes)

    for number, (pieces, pixels) in enumerate(_ordered(work, checked.scenes)):
        writer.add(number, pieces, pixels)
        asked.reporter.progress("cutting patches", number + 1, len(checked.scenes))
    return writer.finish(
        [
            Source(one.scene.name, one.scene.group, one.scene.split, one.height, one.width, one.pixel_hash)
            for one in checked.scenes
        ]
    )


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
