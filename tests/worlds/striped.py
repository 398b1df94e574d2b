"""A small data set whose classes a tiny network learns in a few steps: three classes in stripes of plain colours."""

from pathlib import Path

import numpy as np
from PIL import Image

import terrazzo

TABLE = "name,color\nroof,#FF0000\nroad,#00FF00\nlake,#0000FF\n"
COLORS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


def scene(folder: Path, name: str, height: int = 70, width: int = 100, shift: int = 0) -> None:
    """An image and its mask: three classes in stripes of ten columns."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    cols = (np.arange(width)[None, :] // 10 + np.arange(height)[:, None] * 0 + shift) % 3
    mask = np.array(COLORS, np.uint8)[cols]
    noise = np.random.default_rng(len(name) + shift).integers(0, 60, mask.shape)
    Image.fromarray((mask // 2 + noise).astype(np.uint8)).save(folder / "images" / f"{name}.png")
    Image.fromarray(mask).save(folder / "masks" / f"{name}.png")


def striped_set(folder: Path, n_images: int) -> Path:
    """A data set of `n_images` scenes with a class table inside."""
    for number in range(n_images):
        scene(folder, f"p{number}", shift=number)
    (folder / "classes.csv").write_text(TABLE)
    return folder


def striped_patches(folder: Path, n_images: int) -> Path:
    """Patches of 32 px, six an image, of a striped set in `folder`/data."""
    striped_set(folder / "data", n_images)
    terrazzo.prepare(folder / "data", out=folder / "patches", patch_size=32)
    return folder / "patches"


SMALL = {
    "model.filters": [4, 8],
    "model.batch_norm": True,
    "model.dropout": 0.1,
    "optimizer.lr": 0.02,
    "schedule.name": "constant",
}
