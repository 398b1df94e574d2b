"""Two small data sets of other class names, and the taxonomy that brings them together."""

from pathlib import Path

import numpy as np
import yaml
from PIL import Image

COLORS = {
    "north": (("roof", (255, 0, 0)), ("road", (0, 255, 0)), ("lake", (0, 0, 255))),
    "south": (("House", (9, 9, 9)), ("ROAD", (99, 0, 99)), ("field", (0, 99, 99))),
}
CLASSES = (
    {"name": "Building", "from": ["roof", "south/House"]},
    {"name": "Road", "color": "#102030", "from": ["road"]},
    {"name": "Water", "from": ["north/lake"]},
)
"""`road` is ROAD in the south but for capitals; nobody takes `field`."""


def small_source(root: Path, name: str, sides: tuple[int, ...], size: int = 64, seed: int = 0) -> Path:
    """`root`/`name` with square images a0, a1, ... of `size` px, whose left half has the first class of `sides`.

    Law: image i has the class `sides[i]` on its left half, the next class (of three) on its right half.
    """
    folder = root / name
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    colors = np.array([color for _, color in COLORS[name]], np.uint8)
    for number, side in enumerate(sides):
        ids = np.full((size, size), side)
        ids[:, size // 2 :] = (side + 1) % 3
        noise = np.random.default_rng((seed, number, len(name) + ord(name[0]))).integers(0, 256, (size, size, 3))
        Image.fromarray(noise.astype(np.uint8)).save(folder / "images" / f"a{number}.png")
        Image.fromarray(colors[ids]).save(folder / "masks" / f"a{number}.png")
    rows = [f"{each},#{red:02X}{green:02X}{blue:02X}" for each, (red, green, blue) in COLORS[name]]
    (folder / "classes.csv").write_text("\n".join(["name,color", *rows]) + "\n")
    return folder


def taxonomy(root: Path, *sources: dict[str, object], classes: object = CLASSES) -> Path:
    """The file taxonomy.yaml below `root`."""
    path = root / "taxonomy.yaml"
    listed = {"sources": [*sources]} if sources else {}
    text = yaml.safe_dump({**listed, "classes": [*classes] if isinstance(classes, tuple) else classes})
    path.write_text(text, encoding="utf-8")
    return path
