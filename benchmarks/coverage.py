"""How often the 95 % interval of an adjusted area holds the true area, over many samples of one map.

    python -m benchmarks.coverage MAP TRUTH                    # MAP: what predict wrote; TRUTH: ids on its grid
    python -m benchmarks.coverage maps/tile-4 new-places/scenes/tile-4.npy --points 300 --draws 100

TRUTH is a label raster or a .npy of ids (H, W) with the map's class ids, 255 where there is no label. The population is
the labelled pixels that are mapped. Each draw is a stratified sample of it, allocated as `terrazzo sample` does. Its
areas are estimated as `terrazzo evaluate MAP --truth` does. An interval at 95 % holds the truth in about 95 of 100.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError, TerrazzoError
from terrazzo.evaluation.map_accuracy.allocation import allocate
from terrazzo.evaluation.map_accuracy.estimators import Sample, Strata, estimate
from terrazzo.scenes.class_map import open_map
from terrazzo.scenes.labelled_rasters.raster_classes import names_in

POINTS, DRAWS = 300, 100
COMMON, ENOUGH = 0.02, 0.9
"""Classes of at least this share are to be covered in at least this share of the draws."""

Ids = NDArray[np.uint8]


@dataclass(frozen=True)
class Coverage:
    """How a class's intervals did."""

    name: str
    true: float
    """The share of the labelled pixels that the class is."""
    mapped: float
    """The share that the map gives it."""
    estimated: float
    """The mean estimate of all draws."""
    half_width: float
    """The mean half width of the intervals."""
    covered: float
    """The share of the draws whose interval holds the true share."""

    @property
    def is_common(self) -> bool:
        """Whether the class has enough area for a claim."""
        return self.true >= COMMON


def population(mapped: Ids, truth: Ids) -> tuple[Ids, Ids]:
    """The map's and the true ids (n,) of the pixels that have both. Raises InputError where there is none."""
    if mapped.shape != truth.shape:
        raise InputError(f"TRUTH: has {truth.shape} px, the map {mapped.shape}; give labels on the map's grid")
    both = (mapped != 255) & (truth != 255)
    if not both.any():
        raise InputError("TRUTH: no pixel of the map has a label; give labels of this place")
    return mapped[both], truth[both]


def coverage(
    mapped: Ids, truth: Ids, names: Sequence[str], n_points: int = POINTS, draws: int = DRAWS
) -> list[Coverage]:
    """The coverage of each class, over as many samples, of a population of ids (n,)."""
    n_classes = len(names)
    pixels = np.bincount(mapped, minlength=n_classes)
    order = np.argsort(mapped, kind="stable")  # the pixels of a stratum lie together
    first = np.cumsum(pixels) - pixels
    each = allocate(pixels, n_points)
    there = np.flatnonzero(pixels)
    number = np.cumsum(pixels > 0) - 1
    strata = Strata(pixels[there].astype(np.float64), pixels[there])
    true = np.bincount(truth, minlength=n_classes) / len(truth)
    values, lows, highs = (np.zeros((draws, n_classes)) for _ in range(3))
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        ranks = [first[k] + rng.choice(int(pixels[k]), int(each[k]), replace=False) for k in there]
        at = order[np.concatenate(ranks)]
        classes = mapped[at].astype(np.int64)
        share = estimate(Sample(number[classes], classes, truth[at].astype(np.int64)), strata, n_classes).share
        values[seed], lows[seed], highs[seed] = share.value, share.low, share.high
    held = (lows <= true) & (true <= highs)
    return [
        Coverage(
            name,
            float(true[k]),
            float(pixels[k] / len(mapped)),
            float(values[:, k].mean()),
            float((highs - lows)[:, k].mean() / 2),
            float(held[:, k].mean()),
        )
        for k, name in enumerate(names)
    ]


def table(found: Sequence[Coverage], draws: int) -> str:
    """The rows in Markdown, in per cent; rarer classes are marked."""
    lines = ["| class | true | mapped | estimated, mean | half width, mean | covered |", "|---|---|---|---|---|---|"]
    for row in found:
        name = row.name if row.is_common else f"{row.name} (rare)"
        shares = " | ".join(f"{100 * value:.2f}" for value in (row.true, row.mapped, row.estimated, row.half_width))
        lines.append(f"| {name} | {shares} | {round(row.covered * draws)} of {draws} |")
    return "\n".join(lines)


def read_ids(path: Path) -> Ids:
    """Ids (H, W) of a .npy or of a raster of one band."""
    if path.suffix == ".npy":
        stored: Ids = np.load(path)
        return stored
    import rasterio

    from terrazzo.pixels.rasters.gdal import gdal

    with gdal(), rasterio.open(path) as labels:
        ids: Ids = labels.read(1)
        return ids if labels.nodata is None else np.where(ids == labels.nodata, 255, ids).astype(np.uint8)


def main(words: Sequence[str] | None = None) -> int:
    """Print the table; the exit status is 1 where a common class is covered too rarely."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("map", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--draws", type=int, default=DRAWS)
    given = parser.parse_args(words)
    path = open_map(given.map).path
    names = names_in(path)
    mapped, truth = population(read_ids(path), read_ids(given.truth))
    listed = [names.get(i, f"class_{i}") for i in range(max(*names, int(mapped.max()), int(truth.max())) + 1)]
    found = coverage(mapped, truth, listed, given.points, given.draws)
    print(table(found, given.draws))
    return int(any(row.is_common and row.covered < ENOUGH for row in found))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TerrazzoError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
