"""What a few labelled boxes of a new place are worth: mean IoU against boxes, chosen by `suggest` and at random.

    python -m benchmarks.corrections DATA                       # DATA: the Dubai set, a folder with Tile 1, ...
    python -m benchmarks.corrections DATA --folds 4+5 --boxes 20 --draws 1
    python -m benchmarks.corrections DATA --all                 # every box that may be labelled: what is to be had
    python -m benchmarks.corrections --plot                     # docs/pictures/corrections.png, and the table

The folds are those of `new_places`: a model of `best` is trained on four tiles, and the two others are new to it. Boxes
of 128 px are taken from every second block of 512 px (256 px in small tiles) and labelled from the masks; the model is
trained on them (`train --from`), maps both tiles, and is scored on the other blocks, which are the same for every arm.
At 20 boxes it is also trained with the old patches mixed in (`--keep`). Scores on the validation patches of the old
places show what it forgets.

A row of docs/corrections.csv is one (fold, arm, boxes, draw, keep, device), written as it finishes. Rows that stand
there are skipped, and a killed command goes on when it is given again.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import terrazzo
from benchmarks.boxes import rows
from benchmarks.boxes.blocks import SIDE, corners, labelled_blocks, random_corners, shared_out
from benchmarks.boxes.plot import draw, table
from benchmarks.boxes.scenes import FIELD, Tile, write_corrections
from benchmarks.new_places import ROOT, version
from benchmarks.places.folds import FOLDS, Places, mean_of_named, scores_of
from benchmarks.places.measure import Plan, Schedule, Task, Work
from benchmarks.places.methods import METHODS
from benchmarks.places.queue import machine_of
from benchmarks.places.rows import NAMED
from benchmarks.whole import whole
from terrazzo.classes.palettes import DUBAI
from terrazzo.errors import InputError, TerrazzoError

OUT = ROOT / "docs" / "corrections.csv"
PICTURE = ROOT / "docs" / "pictures" / "corrections.png"
BOXES, DRAWS, KEPT_AT = (5, 10, 20, 40), 3, 20
EVERY = 10_000
"""More boxes than there are."""
LONGER = {"train.steps": 500, "optimizer.lr": 1e-4}
"""What a training on every box changes in `finetune`."""


@dataclass(frozen=True)
class Arm:
    """One way to choose boxes, and how many."""

    name: str
    boxes: int
    draw: int = 0
    keep: bool = False

    @property
    def option(self) -> str:
        """What of the command line asks for it."""
        return "--all" if self.name == rows.ALL else f"--boxes {self.boxes or BOXES[0]}"

    @property
    def words(self) -> str:
        """The arm as the name of a folder."""
        return f"{self.name}-{self.boxes}-{self.draw}" + "-keep" * self.keep


@dataclass(frozen=True)
class Fold:
    """A start model, the tiles that are new to it, and where everything goes."""

    name: str
    plan: Plan
    tiles: tuple[Tile, ...]
    model: Path
    old: Path
    """The patches that the model was trained on."""

    @property
    def folder(self) -> Path:
        """Below which the arms lie."""
        return self.plan.places.work / "corrections" / self.name

    def boxes(self, arm: Arm) -> list[list[tuple[int, int]]]:
        """The (row, col) corners of the arm's boxes, tile by tile."""
        if arm.name == rows.ALL:
            return [corners(tile.shape) for tile in self.tiles]
        numbers = shared_out(arm.boxes, [tile.shape for tile in self.tiles])
        if arm.name == rows.RANDOM:
            # Draws are nested: five boxes are the first five of forty.
            return [
                random_corners(tile.shape, number, (arm.draw, int(tile.name))) for tile, number in self._with(numbers)
            ]
        return [self._suggested(tile, number) for tile, number in self._with(numbers)]

    def score(self, model: Path, folder: Path) -> dict[str, float]:
        """Accuracy and mean IoU on the blocks that are never labelled, and mean IoU on the old places."""
        maps, found = folder / "maps", np.zeros((DUBAI.n_classes, DUBAI.n_classes), np.int64)
        scenes = [tile.scene() for tile in self.tiles]
        terrazzo.predict(model, scenes, out=maps, vector_format="none", device=self.plan.device)
        for tile, scene in zip(self.tiles, scenes, strict=True):
            found += _confusion(tile, next(maps.rglob(f"{scene.stem}/classes.tif")))
        old = terrazzo.evaluate(model, self.old, split="val", device=self.plan.device).scores["iou"]
        named = dict(zip(NAMED, old.values(), strict=True))
        own = scores_of(found)
        return {
            "accuracy": round(float(own["accuracy"] or 0), 4),
            "mean_iou_5": round(float(own["mean_iou_5"] or 0), 4),
            "old_mean_iou_5": round(float(mean_of_named(named) or 0), 4),
        }

    def _with(self, numbers: Sequence[int]) -> Iterator[tuple[Tile, int]]:
        return zip(self.tiles, numbers, strict=True)

    def _suggested(self, tile: Tile, number: int) -> list[tuple[int, int]]:
        import pyogrio
        import shapely

        path = self.folder / f"suggest-{tile.name}-{number}.gpkg"
        if number and not path.is_file():
            terrazzo.suggest(
                self.model, tile.open_part(), out=path, boxes=number, box_size=SIDE, device=self.plan.device
            )
        if not number:
            return []
        outlines = shapely.from_wkb(pyogrio.raw.read(path, layer="boxes")[2])
        return [tile.corner(*shapely.bounds(outline)[[0, 3]]) for outline in outlines]


def _confusion(tile: Tile, path: Path) -> np.ndarray:
    """The confusion matrix (6, 6) of a map on the blocks of a tile that are never labelled."""
    import rasterio

    from terrazzo.classes.confusion import confusion_matrices

    with rasterio.open(path) as classes:
        ids = classes.read(1)
    truth = np.where(labelled_blocks(tile.shape), 255, tile.truth).astype(np.uint8)
    return confusion_matrices(truth[None], ids[None], DUBAI.n_classes)[0]


def opened(name: str, plan: Plan) -> Fold:
    """A fold with its start model, which is trained if `new_places` has not trained it yet."""
    task = Task(METHODS["best"], "0", name)
    models, _ = Work(task, plan, print).models()
    folder = plan.places.work / "corrections" / name
    tiles = tuple(Tile(each, plan.places, folder) for each in plan.places.left_out(name))
    return Fold(name, plan, tiles, models[0], plan.places.patches(name, {}))


def arms(boxes: Sequence[int], draws: int) -> list[Arm]:
    """All arms: the start first."""
    found = [Arm(rows.START, 0)]
    for number in boxes:
        found += [Arm(rows.SUGGEST, number), *(Arm(rows.RANDOM, number, draw) for draw in range(draws))]
        if number == KEPT_AT:
            found.append(Arm(rows.SUGGEST, number, keep=True))
    return found


def measure(fold: Fold, arm: Arm) -> tuple[Mapping[str, Any], float, float]:
    """The scores of an arm, the share of the tiles that its boxes are, and the minutes of training."""
    folder = fold.folder / arm.words
    if arm.name == rows.START:
        return fold.score(fold.model, folder), 0.0, 0.0
    boxes = fold.boxes(arm)
    scenes, labels = folder / "scenes", folder / "corrections.gpkg"
    scenes.mkdir(parents=True, exist_ok=True)
    for tile, own in zip(fold.tiles, boxes, strict=True):
        if own:
            link = scenes / tile.scene().name
            link.unlink(missing_ok=True)
            link.symlink_to(tile.scene().resolve())
    write_corrections(
        labels, [each for tile, own in zip(fold.tiles, boxes, strict=True) for each in tile.polygons(own)]
    )
    patches = folder / "patches"
    if not patches.is_dir():
        terrazzo.prepare(scenes, labels, out=patches, class_field=FIELD, for_model=fold.model)
    started = time.monotonic()
    trained = terrazzo.train(
        patches,
        out=folder / "run",
        from_model=fold.model,
        keep=fold.old if arm.keep else None,
        changes=LONGER if arm.name == rows.ALL else None,
        device=fold.plan.device,
        resume=(folder / "run").is_dir(),
    )
    run, minutes = whole(trained), (time.monotonic() - started) / 60
    pixels = sum(tile.truth.size for tile in fold.tiles)
    share = sum(map(len, boxes)) * SIDE**2 / pixels
    return fold.score(run.model, folder), share, minutes


def measure_all(plan: Plan, out: Path, folds: Sequence[str], wanted: Sequence[Arm]) -> None:
    """Measure the rows that do not stand in the table."""
    there = {row.key for row in rows.read(out)}
    for name in folds:
        fold = None
        for arm in wanted:
            keep = "yes" if arm.keep else "no"
            if (name, arm.name, str(arm.boxes), str(arm.draw), keep, plan.machine) in there:
                print(f"fold {name}, {arm.words}: stands in {out}, skipped")
                continue
            fold = fold or opened(name, plan)
            scores, share, minutes = measure(fold, arm)
            row = rows.Row(
                fold=name,
                arm=arm.name,
                boxes=arm.boxes,
                draw=arm.draw,
                keep=keep,
                share=round(share, 4),
                **scores,
                minutes=round(minutes, 2),
                device=plan.machine,
                precision=plan.precision,
                version=plan.version,
                command=f"python -m benchmarks.corrections DATA --folds {name} {arm.option}",
            )
            rows.append(out, row)
            print(f"fold {name}, {arm.words}: mean IoU {row.mean_iou_5:.4f}, {share:.1%} labelled, {minutes:.1f} min")


def main(words: Sequence[str] | None = None) -> int:
    """Measure, or draw; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--folds", nargs="+", default=list(FOLDS))
    parser.add_argument("--boxes", type=int, nargs="+", default=list(BOXES))
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--all", action="store_true", help="label every box instead, and train longer")
    parser.add_argument("--steps", type=int, help="of the start model; the recipe's epochs if not given")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path("new-places"), help="the folder that new_places uses")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--version", default=None)
    parser.add_argument("--plot", action="store_true")
    given = parser.parse_args(words)
    if given.plot:
        draw(rows.read(given.out), PICTURE)
        print(table(rows.read(given.out)))
        return 0
    if given.data is None:
        raise InputError("DATA: is missing; give the folder of the Dubai data set")
    machine, precision = machine_of(given.device)
    places = Places(given.data, given.work)
    plan = Plan(places, given.out, Schedule(given.steps), given.device, machine, precision, given.version or version())
    wanted = [Arm(rows.START, 0), Arm(rows.ALL, EVERY)] if given.all else arms(given.boxes, given.draws)
    measure_all(plan, given.out, given.folds, wanted)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TerrazzoError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
