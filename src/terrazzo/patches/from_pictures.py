"""Pictures with masks, in a folder or zip, as a source of patches."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import LabelError
from terrazzo.patches.cut_loss import CutLoss
from terrazzo.patches.cutting import Cut, cut, grid
from terrazzo.patches.options import SplitOptions
from terrazzo.patches.write_patches import Cuttable, Preparation
from terrazzo.patches.writer import PatchSink, Source, Written, count_classes, place_of
from terrazzo.pixels.image_files import read_size
from terrazzo.pixels.suffixes import TIFF_SUFFIXES
from terrazzo.scenes.alpha import doubts_about_alpha
from terrazzo.scenes.contract.check import Checked, check, read_label
from terrazzo.scenes.contract.reading import Reader
from terrazzo.scenes.contract.verdicts import CheckedScene
from terrazzo.scenes.detect import BY_LOOKING, find_scenes
from terrazzo.scenes.naming import Naming
from terrazzo.scenes.trees import FolderTree
from terrazzo.system.files import digest, scratch_beside
from terrazzo.system.machine import n_cores
from terrazzo.system.reporting import how_many

if TYPE_CHECKING:
    from terrazzo.patches.splits.together import Together
    from terrazzo.pixels.rasters.ground import Placed

BANDS = 3
MIN_PLACES = 3
"""Of fewer places apart from one another parts are held out, if no split is asked for."""


@dataclass(frozen=True)
class Pictures:
    """A data set of pictures."""

    root: Path
    usual_layout: str | None = None
    """The layout that a recipe is for: tried first where the options name none."""
    naming: Naming = BY_LOOKING

    @property
    def paths(self) -> tuple[Path, ...]:
        """The folder or zip, and that of the masks."""
        return (self.root,) if self.naming.masks is None else (self.root, self.naming.masks)

    @contextmanager
    def opened(self, asked: Preparation) -> Iterator[Cuttable]:
        """The scenes that keep the label contract; its notes and warnings are reported. Raises LabelError at others."""
        labels = asked.labels
        with ExitStack() as opened:
            # Downsampled images stay on disk between check and cutting, so that each is decoded once. Decoding twice at
            # full size costs less than writing and reading the pixels.
            keep = None if labels.downsample == 1 else opened.enter_context(scratch_beside(asked.out))
            reader = Reader(labels.downsample, keep)
            found = find_scenes(self.root, labels.layout, self.usual_layout, self.naming)
            checked = check(self.root, found, labels, asked.patches.least_side, asked.reporter.progress, reader)
            for line in checked.report.lines():
                asked.reporter.say(line)
            for line in doubts_about_alpha(found):
                asked.reporter.say(line)
            if checked.report.refusal is not None:
                raise LabelError(checked.report.refusal)
            lying = _together(checked, asked)
            split, notes = _division(asked.split, lying)
            for note in notes:
                asked.reporter.say(note)
            yield Cuttable(
                schema=checked.schema,
                bands=BANDS,
                split=split,
                cut=_Scenes(checked, reader, lying, asked).cut,
                key=_key(asked, checked, lying),
                told={"layout": checked.layout},
                notes=notes,
                class_pixels=lambda: checked.report.class_pixels,
            )


def _together(checked: Checked, asked: Preparation) -> "Together":
    """Which scenes belong together, by folder, pixels, name and ground."""
    from terrazzo.patches.splits.together import Picture, together
    from terrazzo.pixels.rasters.ground import Placed, read_ground, read_world, world_files

    beside = frozenset(name for item in checked.scenes[:1] for name in item.scene.image.tree.files())

    def ground(item: CheckedScene) -> "Placed":
        scene = item.scene
        for asset in () if scene.side_by_side else (scene.image, scene.label):
            path = Path(asset.where) if isinstance(asset.tree, FolderTree) else None
            if asset.name.lower().endswith(TIFF_SUFFIXES) and (found := read_ground(path or asset.read())):
                return found.resized(item.height, item.width)
            if world := next((name for name in world_files(asset.name) if name in beside), None):
                size = read_size(asset.read(), asset.where)
                if found := read_world(asset.tree.read(world).decode(errors="replace"), *size):
                    return found.resized(item.height, item.width)
        return Placed(item.height, item.width)

    with ThreadPoolExecutor(n_cores()) as pool:
        grounds = list(pool.map(ground, checked.scenes))
    pictures = [
        Picture(
            name=item.scene.name,
            file=item.scene.image.name,
            group=item.scene.group,
            split=item.scene.split,
            pixels=None if item.is_plain else item.pixel_hash,
            ground=ground,
        )
        for item, ground in zip(checked.scenes, grounds, strict=True)
    ]
    return together(pictures, asked.split.buffer_px(asked.patches.patch_size))


def _division(asked: SplitOptions, lying: "Together") -> tuple[SplitOptions, tuple[str, ...]]:
    """The split to make, and notes on what belongs together: by block where fewer than three places are apart."""
    given = any(picture.split is not None for picture in lying.pictures)
    notes = tuple(lying.notes())
    if asked.method is None and not given and lying.touching and lying.n_joined < MIN_PLACES:
        apart = f"--split block: of {how_many(lying.n_joined, 'separate place')}, parts for train, parts for val"
        return replace(asked, method="block"), (*notes, apart)
    return asked, notes


def _key(asked: Preparation, checked: Checked, lying: "Together") -> list[str | bytes]:
    """The scale, what belongs together, and of each scene the names, pixels and labels."""
    parts: list[str | bytes] = []
    parts += [f"downsample {asked.labels.downsample!r}"] if asked.labels.downsample != 1 else []
    parts += lying.key()
    for item, group in zip(checked.scenes, lying.groups, strict=True):
        scene = item.scene
        parts += [scene.name, group, str(scene.split), item.pixel_hash, digest(scene.label.read())]
        parts += [str(scene.label_ids)] if scene.label_ids is not None else []
    return parts


@dataclass(frozen=True, eq=False)
class _Scenes:
    """Checked scenes, what belongs together, and the request."""

    checked: Checked
    reader: Reader
    lying: "Together"
    asked: Preparation

    def cut(self, writer: PatchSink) -> Written:
        """Write the patches that have a labelled pixel. Raises LabelError where there are none.

        Scenes are decoded and cut in parallel and written in order: the files do not depend on the number of threads.
        """
        scenes, names = self.checked.scenes, self.checked.schema.names
        size, fit = self.asked.patches.patch_size, self.asked.patches.fit
        if not any(np.prod(grid(scene.height, scene.width, size, fit)) for scene in scenes):
            raise LabelError(
                f"no image is as large as a patch of {size} px, so there is nothing to cut; "
                "use a smaller --patch-size, or --fit pad or resize"
            )
        loss = CutLoss(size, fit, classes=set(np.flatnonzero(self.checked.report.class_pixels).tolist()))
        for number, (pieces, pixels) in enumerate(_ordered(self._work, scenes)):
            labelled = np.asarray(pixels.any(axis=1))
            loss.add(scenes[number].height, scenes[number].width, labelled)
            writer.add(number, pieces if labelled.all() else pieces.only(labelled), pixels[labelled])
            self.asked.reporter.progress("cutting patches", number + 1, len(scenes))
        written = writer.finish([self._source(number) for number in range(len(scenes))])
        if not len(written.image):
            raise LabelError(
                f"no whole patch of {size} px has a labelled pixel, so there is nothing to learn; use --fit pad or a "
                "smaller --patch-size"
            )
        for note in loss.notes():
            self.asked.reporter.say(note)
        as_given = self.asked.split.method in (None, "given")
        across = self.lying.warnings() if as_given else []
        return replace(
            written,
            ground=self.lying.ground(written.image, written.corners),
            places_known=self.lying.places_known,
            warnings=(*across, *loss.warnings(written.class_pixels, names)),
        )

    def _work(self, scene: CheckedScene) -> tuple[Cut, NDArray[np.int64]]:
        """The patches of a scene, with and without labels, and their class pixels (n, K)."""
        schema, options = self.checked.schema, self.asked.labels
        image = self.reader.photo(scene.scene).pixels
        ids = read_label(scene.scene, schema, options.unknown, self.reader)
        pieces = cut(image, ids, self.asked.patches.patch_size, self.asked.patches.fit)
        return pieces, count_classes(pieces.masks, schema.n_classes)

    @property
    def _reading(self) -> dict[str, float]:
        """How much smaller the images were read, where they were."""
        downsample = self.asked.labels.downsample
        return {} if downsample == 1 else {"downsample": downsample}

    def _source(self, number: int) -> Source:
        """The entry of an image."""
        one, picture = self.checked.scenes[number], int(self.lying.one_picture[number])
        return Source(
            name=one.scene.name,
            group=self.lying.groups[number],
            split=one.scene.split,
            height=one.height,
            width=one.width,
            pixel_hash=one.pixel_hash,
            picture=None if picture == number else picture,
            place=place_of(self.lying.pictures[number].ground) | self._reading,
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
