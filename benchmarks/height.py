"""What a height band is worth: Building's IoU of a photo alone and of a photo with a surface model, on held-out worlds.

    python -m benchmarks.height                     # 40 scenes, seeds 0, 1, 2: 10 minutes of one core
    python -m benchmarks.height --scenes 24 --epochs 16 --seeds 0

The scenes are those of `terrazzo synthesize --layout geotiff`, each a world of its own. Grey flat roofs have the
colours of asphalt and paving, so that a photo alone has to guess from shape and shadow. Heights are metres in float32,
as stored. Both are trained by the same recipe, with the same seed, on the same patches; the test scenes
choose nothing.
Printed for each seed: IoU of Building, and mean IoU of all classes, on the test scenes.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import terrazzo
from benchmarks.whole import whole

CONTESTANTS = {"photo": "rgb={0}/ortho", "photo + heights": "rgb={0}/ortho,dsm={0}/dsm"}
SPLIT = {"split": "image", "val": 0.15, "test": 0.35}
PATCH_SIZE = 64
SMALLER = {"model.filters": [8, 16, 32, 64], "model.dropout": 0.0, "optimizer.lr": 3e-3}
"""The recipe's network at half its width: it learns these worlds as well, in a quarter of the time."""
TARGET = 0.05
"""The least that heights must add to Building's IoU."""


def measure(world: Path, words: str, seed: int, epochs: int, recipe: str) -> dict[str, float]:
    """IoU of Building and mean IoU on the test scenes, after training."""
    folder = Path(tempfile.mkdtemp(dir=world.parent))
    patches = folder / "patches"
    terrazzo.prepare(words.format(world), world / "labels", out=patches, patch_size=PATCH_SIZE, seed=seed, **SPLIT)
    changes = {**SMALLER, "train.seed": seed}
    run = whole(terrazzo.train(patches, out=folder / "run", recipe=recipe, epochs=epochs, changes=changes))
    scores = terrazzo.evaluate(run.model, patches, split="test").scores
    return {"building": scores["iou"]["Building"], "mean": scores["mean_iou"]}


def compare(scenes: int, side: int, epochs: int, seeds: list[int], recipe: str) -> dict[str, dict[str, list[float]]]:
    """The scores of both by seed, printed as they come."""
    found: dict[str, dict[str, list[float]]] = {name: {"building": [], "mean": []} for name in CONTESTANTS}
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder) / "world"
        terrazzo.synthesize(world, layout="geotiff", images=scenes, height=side, width=side)
        for seed in seeds:
            for name, words in CONTESTANTS.items():
                scores = measure(world, words, seed, epochs, recipe)
                for what, value in scores.items():
                    found[name][what].append(value)
                print(
                    f"seed {seed}: {name:16} Building {scores['building']:.3f}, mean {scores['mean']:.3f}", flush=True
                )
    return found


def main() -> None:
    """Print the scores, their means, and what heights add."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--recipe", default="unet")
    options = parser.parse_args()
    found = compare(options.scenes, options.side, options.epochs, options.seeds, options.recipe)
    means = {name: {what: statistics.mean(values) for what, values in found[name].items()} for name in found}
    alone, both = (means[name] for name in CONTESTANTS)
    added = {what: round(both[what] - alone[what], 4) for what in alone}
    print(json.dumps({"means": means, "added": added, "enough": added["building"] >= TARGET}))


if __name__ == "__main__":
    main()
