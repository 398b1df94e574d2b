"""Patches of a striped set with all of them to train on, as `prepare --for MODEL` divides corrections."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import terrazzo
from terrazzo.classes.schema import IGNORE
from terrazzo.system.files import digest
from tests.worlds.striped import scene

RED, GREEN, BLUE = "#FF0000", "#00FF00", "#0000FF"
STRIPES = {"roof": RED, "road": GREEN, "lake": BLUE}


def corrected(folder: Path, classes: Mapping[str, str] = STRIPES, n_images: int = 2) -> Path:
    """Patches of 32 px of `n_images` scenes in `folder`/patches, none held out; six an image.

    `classes` are the names of the striped colours, in the order of the class table.
    """
    for number in range(n_images):
        scene(folder / "data", f"corrected{number}", shift=number + 1)
    rows = [f"{name},{color}" for name, color in classes.items()]
    (folder / "data" / "classes.csv").write_text("\n".join(["name,color", *rows]) + "\n")
    terrazzo.prepare(folder / "data", out=folder / "patches", patch_size=32, split="patch")
    hold_none_out(folder / "patches")
    return folder / "patches"


def hold_none_out(patches: Path) -> None:
    """Put every patch of a prepared folder on the side of training."""
    index = patches / "index.csv"
    with index.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with index.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "split": "train"} for row in rows)
    path = patches / "dataset.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    description["splits"] = {"train": len(rows), "val": 0, "test": 0}
    description |= {"split_method": "none held out", "content_hash": digest(description["content_hash"], "none")}
    path.write_text(json.dumps(description), encoding="utf-8")


def keep_labels(patches: Path, share: float, seed: int = 0) -> None:
    """Ignore all but a share of the labelled pixels, at random."""
    masks = np.load(patches / "masks.npy")
    gone = np.random.default_rng(seed).random(masks.shape) >= share
    masks[gone] = IGNORE
    np.save(patches / "masks.npy", masks)
