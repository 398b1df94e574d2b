"""A data set like the Dubai one, small: tiles of nine parts, and a plan that trains a tiny network on them."""

from pathlib import Path

import numpy as np
from benchmarks.places.folds import Places
from benchmarks.places.measure import Plan, Schedule

from terrazzo.classes.palettes import DUBAI
from tests.worlds.handmade import encoded, write

SIDE = 64
RECIPE = """
model: {arch: unet, encoder: none, filters: [4, 8], dropout: 0, batch_norm: true}
optimizer: {lr: 1.0e-2}
train: {epochs: 12, batch_size: 8, precision: "32"}
"""


def dubai_like(root: Path, tiles: tuple[int, ...] = (1, 2, 3, 4), side: int = SIDE) -> Path:
    """Tiles of nine parts of `side` px in blocks of the six classes, each pixel in its class's colour with noise."""
    for tile in tiles:
        rng = np.random.default_rng(tile)
        whole = rng.integers(0, DUBAI.n_classes, (3 * side // 16,) * 2).astype(np.uint8).repeat(16, 0).repeat(16, 1)
        for part in range(9):
            rows, columns = (slice(side * at, side * (at + 1)) for at in divmod(part, 3))
            colors = DUBAI.decode(whole[rows, columns])
            noisy = (colors + rng.normal(0, 5, colors.shape)).clip(0, 255).astype(np.uint8)
            folder, name = root / f"Tile {tile}", f"image_part_{part + 1:03d}"
            write(folder / "images" / f"{name}.jpg", encoded(noisy, "JPEG", quality=95))
            write(folder / "masks" / f"{name}.png", colors)
    return root


def tiny_plan(root: Path, data: Path, schedule: Schedule | None = None) -> Plan:
    """A plan for `dubai_like` tiles: patches of 32 px, the table at ROOT/rows.csv, the work in ROOT/work."""
    recipe = root / "tiny.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    places = Places(data, root / "work")
    options = {"patch_size": 32}
    return Plan(places, root / "rows.csv", schedule or Schedule(), "cpu", "a CPU", "32", "1", recipe, options)
