"""Two data sets trained together, against each alone: scores on the held-out patches of both.

    python -m benchmarks.two_sources DATA                   # DATA: the Dubai set, a folder with Tile 1, ...
    python -m benchmarks.two_sources DATA --epochs 3 --images 12

The second data set is a synthetic world of another style, with classes of its own names (`terrazzo synthesize`). One
taxonomy brings both onto five classes. The three models have the same classes, recipe and number of steps; each source
is divided the same way alone and together. Printed: mean IoU and accuracy of each model on each source.
"""

import argparse
import math
import tempfile
from pathlib import Path

import terrazzo
from benchmarks.whole import whole

CLASSES = {
    "Building": ["dubai/Building", "world/Building"],
    "Road": ["dubai/Road", "world/Road"],
    "Vegetation": ["dubai/Vegetation", "world/Vegetation"],
    "Water": ["dubai/Water", "world/Water"],
    "Land": ["dubai/Land (unpaved area)", "world/Ground"],
}
Scored = dict[str, dict[str, dict]]
SPLIT = {"split": "block", "val": 0.2, "seed": 0}


def taxonomy(folder: Path, sources: dict[str, Path]) -> Path:
    """The file that lists these sources, with the classes that they have."""
    lines = ["sources:", *(f'  - {{name: {name}, images: "{path}"}}' for name, path in sources.items()), "classes:"]
    for name, takes in CLASSES.items():
        here = [each for each in takes if each.partition("/")[0] in sources]
        lines.append(f"  - {{name: {name}, from: [{', '.join(map(repr, here))}]}}")
    path = folder / f"{'-'.join(sources)}.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def measured(
    data: Path, work: Path, images: int, epochs: int, changes: dict[str, object]
) -> dict[str, dict[str, dict]]:
    """Scores by model (`dubai`, `world`, `both`) and source."""
    world = work / "world"
    terrazzo.synthesize(world, images=images, height=512, width=512)
    sources = {"dubai": data.resolve(), "world": world.resolve()}
    patches = {}
    for names in (["dubai"], ["world"], ["dubai", "world"]):
        name = "both" if len(names) > 1 else names[0]
        listed = taxonomy(work, {each: sources[each] for each in names})
        patches[name] = work / "patches" / name
        terrazzo.prepare(taxonomy=listed, out=patches[name], patch_size=256, **SPLIT)
    steps = epochs * _batches(patches["both"])
    found: Scored = {}
    for name, folder in patches.items():
        same = math.ceil(steps / _batches(folder))
        own = {**changes, **({"train.sampler": "sources"} if name == "both" else {})}
        out = work / "runs" / name
        run = whole(terrazzo.train(folder, out=out, recipe="best", epochs=same, changes=own, resume=True))
        found[name] = {
            source: terrazzo.evaluate(run.model, patches[source], split="val").scores for source in ("dubai", "world")
        }
        for source, scores in found[name].items():
            print(
                f"trained on {name:6} scored on {source:6} mean IoU {scores['mean_iou']:.3f}, "
                f"accuracy {scores['accuracy']:.3f}",
                flush=True,
            )
    return found


def _batches(patches: Path) -> int:
    from terrazzo.patches.folder import open_patches

    return -(-len(open_patches(patches).rows("train")) // 8)


def main() -> None:
    """Print the scores of the three models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=60, help="images of the synthetic world, 512 px")
    parser.add_argument("--epochs", type=int, default=8, help="of both together; the others take as many steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="folder to keep; a temporary one if not given")
    given = parser.parse_args()
    changes = {"train.seed": given.seed}
    if given.work:
        given.work.mkdir(parents=True, exist_ok=True)
        measured(given.data, given.work, given.images, given.epochs, changes)
        return
    with tempfile.TemporaryDirectory() as folder:
        measured(given.data, Path(folder), given.images, given.epochs, changes)


if __name__ == "__main__":
    main()
