"""How far two people who label the same ground agree: the bound of what a score against one of them can be.

    python -m benchmarks.agreement DATA                       # tiles 4 and 8 of the Dubai set
    python -m benchmarks.agreement DATA --picture shared.png  # both pictures and both labellings, side by side
    python -m benchmarks.agreement DATA --model MODEL         # and a map of tile 4's picture against either's labels

Tiles 4 and 8 show the same ground in part, at different dates, labelled by different people. No file says so. The two
pictures are registered by their edges: pieces of one are looked for in the other (normalized cross-correlation), and an
affine map is fitted to the places where they are found. Then the labels of one tile are scored against the other's, as
`new_places` scores a map.

A model that was trained on the second tile and maps the first one's picture shows whose habit it has learnt: its map is
scored against the labels of each, on the same pixels.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

import terrazzo
from benchmarks.places.folds import Places, scores_of
from terrazzo.classes.confusion import confusion_matrices
from terrazzo.classes.drawing import class_picture
from terrazzo.classes.palettes import DUBAI
from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError, TerrazzoError

Floats = NDArray[np.float64]

SHRINK = 4
PIECE, STEP = 64, 48
"""Height and width of the pieces that are looked for, and their distance, on the picture shrunk by `SHRINK`."""
LEAST_MATCH = 0.4
"""Correlation of a piece that is found. Pieces of tiles without common ground stay below 0.36."""
LEAST_PIECES = 12
MOST_RESIDUAL = 6.0
"""Pixels that a piece may lie off the fitted map."""


@dataclass(frozen=True)
class Shared:
    """The pixels of the second tile that the first one shows too."""

    first: NDArray[np.intp]
    """(N, 2), row and column in the first tile."""
    second: NDArray[np.intp]
    """(N, 2), row and column in the second."""
    affine: Floats
    """(3, 2): (column, row, 1) of the second tile times this are column and row in the first."""
    residual: float
    """Median distance of the pieces from the fitted map, in pixels."""


def edges(pixels: NDArray[np.uint8]) -> Floats:
    """Strength of edges of a picture (H, W, 3), shrunk by `SHRINK`, evened out over the picture."""
    grey = pixels.mean(axis=2)
    rows, cols = (side // SHRINK for side in grey.shape)
    small = grey[: rows * SHRINK, : cols * SHRINK].reshape(rows, SHRINK, cols, SHRINK).mean(axis=(1, 3))
    strength = np.hypot(*np.gradient(_blurred(small, 1)))
    strength /= _blurred(strength, 15) + 1
    return np.asarray(strength - strength.mean())


def register(first: Floats, second: Floats) -> tuple[Floats, float]:
    """The affine map (3, 2) from the second picture's pixels to the first's, and its residual; both from `edges`.

    Raises InputError if too few pieces are found: the pictures share no ground.
    """
    found = [match for match in _matches(first, second) if match[0] >= LEAST_MATCH]
    if len(found) < LEAST_PIECES:
        raise InputError(f"{len(found)} pieces of one tile are found in the other; expected at least {LEAST_PIECES}")
    places = np.array([match[1:] for match in found]) * SHRINK  # of the whole picture
    given, wanted = np.column_stack((places[:, :2], np.ones(len(places)))), places[:, 2:]
    kept = np.ones(len(places), bool)
    for _ in range(10):  # pieces that were found in the wrong place drop out
        affine = np.linalg.lstsq(given[kept], wanted[kept], rcond=None)[0]
        off = np.hypot(*(given @ affine - wanted).T)
        kept = off <= max(MOST_RESIDUAL, 2 * float(np.median(off[kept])))
    return affine, float(np.median(off[kept]))


def shared_ground(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Shared:
    """The common ground of two pictures (H, W, 3). Raises InputError if there is none."""
    affine, residual = register(edges(first), edges(second))
    rows, cols = np.indices(second.shape[:2]).reshape(2, -1)
    there = np.column_stack((cols, rows, np.ones(len(rows)))) @ affine
    col, row = np.rint(there).astype(np.intp).T
    inside = (row >= 0) & (col >= 0) & (row < first.shape[0]) & (col < first.shape[1])
    one = np.column_stack((row[inside], col[inside]))
    return Shared(one, np.column_stack((rows[inside], cols[inside])), affine, residual)


def confusion(first: NDArray[np.uint8], second: NDArray[np.uint8], shared: Shared) -> NDArray[np.int64]:
    """The labels (H, W) of the second tile against those of the first: (6, 6), rows are the first's."""
    own, other = first[tuple(shared.first.T)], second[tuple(shared.second.T)]
    return _counted(own, other, (own != IGNORE) & (other != IGNORE))


def habits(
    mapped: NDArray[np.uint8], first: NDArray[np.uint8], second: NDArray[np.uint8], shared: Shared
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A map (H, W) of the first tile's picture against the first's labels, and against the second's, (6, 6) each.

    Law: both are of the same pixels, which both people labelled.
    """
    found = mapped[tuple(shared.first.T)]
    own, other = first[tuple(shared.first.T)], second[tuple(shared.second.T)]
    all_three = (own != IGNORE) & (other != IGNORE) & (found != IGNORE)
    return _counted(own, found, all_three), _counted(other, found, all_three)


def picture(
    pixels: tuple[NDArray[np.uint8], NDArray[np.uint8]], ids: tuple[NDArray[np.uint8], NDArray[np.uint8]], it: Shared
) -> NDArray[np.uint8]:
    """Both tiles' pictures above both tiles' labels, on the second tile's grid, one pixel of four."""
    low, high = it.second.min(axis=0), it.second.max(axis=0) + 1
    row, col = (it.second - low).T
    parts = []
    for layers in (pixels, tuple(class_picture(each, DUBAI) for each in ids)):
        drawn = []
        for layer, places in zip(layers, (it.first, it.second), strict=True):
            canvas = np.zeros((*(high - low), 3), np.uint8)
            canvas[row, col] = layer[tuple(places.T)]
            drawn.append(canvas[::2, ::2])
        parts.append(np.hstack(drawn))
    return np.vstack(parts)


def _counted(truth: NDArray[np.uint8], ids: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.int64]:
    return confusion_matrices(truth[where][None], ids[where][None], DUBAI.n_classes)[0]


def _mapped(model: Path, scene: Path, folder: Path) -> NDArray[np.uint8]:
    """The class ids (H, W) of a scene as a model maps it."""
    import rasterio

    terrazzo.predict(model, scene, out=folder / "maps", vector_format="none")
    with rasterio.open(next((folder / "maps").rglob("classes.tif"))) as classes:
        ids: NDArray[np.uint8] = classes.read(1)
    return ids


def _matches(first: Floats, second: Floats) -> list[tuple[float, float, float, float, float]]:
    """For each piece of the second: its correlation, its middle (x, y), and where it is found in the first (x, y)."""
    size = (first.shape[0] + PIECE, first.shape[1] + PIECE)
    places = (first.shape[0] - PIECE + 1, first.shape[1] - PIECE + 1)
    spectrum = np.fft.rfft2(first, size)
    window = np.conj(np.fft.rfft2(np.ones((PIECE, PIECE)), size))
    energy = np.fft.irfft2(np.fft.rfft2(first**2, size) * window, size)[: places[0], : places[1]]
    found = []
    for y in range(0, second.shape[0] - PIECE + 1, STEP):
        for x in range(0, second.shape[1] - PIECE + 1, STEP):
            piece = second[y : y + PIECE, x : x + PIECE]
            piece = piece - piece.mean()
            product = np.fft.irfft2(spectrum * np.conj(np.fft.rfft2(piece, size)), size)[: places[0], : places[1]]
            match = product / np.sqrt(np.maximum(energy * (piece**2).sum(), 1e-12))
            row, col = np.unravel_index(match.argmax(), match.shape)
            middle = PIECE / 2
            found.append((float(match.max()), x + middle, y + middle, float(col) + middle, float(row) + middle))
    return found


def _blurred(plane: Floats, sigma: int) -> Floats:
    """A plane blurred by a Gaussian, mirrored at its edges."""
    reach = 3 * sigma
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    kernel /= kernel.sum()
    padded = np.pad(plane, reach, mode="reflect")
    for axis in (0, 1):
        padded = np.apply_along_axis(np.convolve, axis, padded, kernel, "valid")
    return padded


def main() -> None:
    """Register, score, print; draw if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the Dubai data set: a folder with folders Tile N")
    parser.add_argument("--tiles", nargs=2, default=("4", "8"))
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--model", type=Path, help="one that was trained on the second tile and not on the first")
    given = parser.parse_args()
    import rasterio

    with TemporaryDirectory() as folder:
        places = Places(given.data, Path(folder))
        scenes = places.scenes("+".join(given.tiles))
        pixels = []
        for name in given.tiles:
            with rasterio.open(scenes[name]) as scene:
                pixels.append(scene.read().transpose(1, 2, 0))
        ids = [places.truth(name) for name in given.tiles]
        mapped = _mapped(given.model, scenes[given.tiles[0]], Path(folder)) if given.model else None
    it = shared_ground(pixels[0], pixels[1])
    found = confusion(ids[0], ids[1], it)
    scores = scores_of(found)
    shares = [found.sum() / tile.size for tile in ids]
    named = " and ".join(f"{share:.0%} of tile {name}" for share, name in zip(shares, given.tiles, strict=True))
    print(f"common ground: {found.sum() / 1e6:.2f} million pixels, {named}; registered within {it.residual:.1f} px")
    columns = {f"{given.tiles[1]}'s labels": scores}
    if mapped is not None:
        against = habits(mapped, ids[0], ids[1], it)
        columns |= {f"map, by {name}'s": scores_of(each) for name, each in zip(given.tiles, against, strict=True)}
    print(f"{'':16}" + "".join(f"{title:>16}" for title in columns))
    for name in scores:
        shown = ("-" if each[name] is None else format(each[name], ".3f") for each in columns.values())
        print(f"{name:16}" + "".join(f"{score:>16}" for score in shown))
    print("per cent of the common ground; rows are the first tile's labels, columns the second's")
    for name, row in zip(DUBAI.names, found / found.sum() * 100, strict=True):
        print(f"{name:24}" + "".join(f"{share:7.1f}" for share in row))
    if given.picture:
        from PIL import Image

        Image.fromarray(picture((pixels[0], pixels[1]), (ids[0], ids[1]), it)).save(given.picture)


if __name__ == "__main__":
    try:
        main()
    except TerrazzoError as problem:
        sys.exit(f"error: {problem}")
