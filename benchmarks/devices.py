"""Final mean IoU of one process and of two that share each step, over seeds.

    python -m benchmarks.devices                            # rows into devices.csv; rows that are there are kept; 4 min
    python -m benchmarks.devices --seeds 5 --epochs 40 --rows devices.csv

A small synthetic world, the recipe `unet` with few filters, batch normalization (statistics of each process) and a
loss of cross-entropy and Dice (of each process's patches): the two are not equal step by step. Two processes take half
of the batch each. Printed: mean and standard deviation of both, and whether the means lie within two standard
deviations of each other.
"""

import argparse
import csv
import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import terrazzo
from benchmarks.whole import whole
from terrazzo.system.files import csv_text, write_text

COLUMNS = ("seed", "devices", "batch_size", "epochs", "mean_iou", "terrazzo_version")
BATCH = 8
CHANGES = {"model.filters": (8, 16, 32), "train.precision": "32", "loss.terms": "ce + dice"}


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of the file; none if it is not there."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) if path.is_file() else []


def measure(patches: Path, folder: Path, seed: int, devices: int, epochs: int) -> float:
    """The mean IoU of the last epoch on the validation patches."""
    out = folder / f"{seed}-{devices}"
    changes = {**CHANGES, "train.seed": seed}
    run = whole(
        terrazzo.train(
            patches, out=out, recipe="unet", epochs=epochs, batch_size=BATCH // devices, changes=changes, device="cpu",
            devices=devices,
        )
    )  # fmt: skip
    rows = list(csv.DictReader((run.model.parent / "metrics.csv").read_text(encoding="utf-8").splitlines()))
    return float(rows[-1]["val_mean_iou"])


def summary(rows: Sequence[Mapping[str, str]]) -> str:
    """Means and standard deviations of both, and whether they agree; needs two seeds of each."""
    found = {n: [float(row["mean_iou"]) for row in rows if int(row["devices"]) == n] for n in (1, 2)}
    means = {n: statistics.mean(values) for n, values in found.items()}
    deviations = {n: statistics.stdev(values) for n, values in found.items()}
    both = math.sqrt(statistics.mean(deviation**2 for deviation in deviations.values()))
    apart = abs(means[1] - means[2])
    words = ", ".join(f"{n} process{'es' * (n > 1)}: {means[n]:.3f} +- {deviations[n]:.3f}" for n in (1, 2))
    verdict = "within" if apart <= 2 * both else "not within"
    return f"{words}; {apart:.3f} apart, {verdict} two standard deviations ({2 * both:.3f})"


def main(words: Sequence[str] | None = None) -> None:
    """Measure the rows that are missing, and print the summary of all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=Path, default=Path("devices.csv"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=40)
    given = parser.parse_args(words)
    rows = read_rows(given.rows)
    there = {(row["seed"], row["devices"], row["epochs"]) for row in rows}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        terrazzo.synthesize(folder / "world", images=8, height=192, width=192)
        terrazzo.prepare(folder / "world", out=folder / "patches", patch_size=64)
        for seed in range(given.seeds):
            for devices in (1, 2):
                if (str(seed), str(devices), str(given.epochs)) in there:
                    continue
                score = measure(folder / "patches", folder / "runs", seed, devices, given.epochs)
                values = (seed, devices, BATCH // devices, given.epochs, f"{score:.4f}", terrazzo.__version__)
                rows.append(dict(zip(COLUMNS, map(str, values), strict=True)))
                write_text(given.rows, csv_text(COLUMNS, [[row[column] for column in COLUMNS] for row in rows]))
                print(", ".join(f"{column} {value}" for column, value in rows[-1].items()), flush=True)
    print(summary([row for row in rows if row["epochs"] == str(given.epochs)]))


if __name__ == "__main__":
    main()
