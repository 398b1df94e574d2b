"""Training throughput: our `fit` beside a plain loop and beside the bare optimizer step, in one run.

    python -m benchmarks.training PATCHES [--batches 24]
    python -m benchmarks.training PATCHES --compiled   # and the bare step by torch.compile; needs a C++ compiler

U-Net with ResNet34, batch 8, cross-entropy + Dice, AdamW, all three alike:

    ours   training epochs of terrazzo's `fit`: cache, augmentation, metrics, logging (validation and start-up apart)
    plain  the loop of segmentation-models-pytorch's examples: float32, library defaults, the same patches from a
           DataLoader, the library's own losses
    bare   forward, loss, backward, optimizer step on one fixed batch, at our precision and memory format

Each runs in a process of its own, so that none inherits another's settings; the three take turns, `--rounds` times,
and medians are compared. `bare` shares our memory settings (`hardware.reuse_memory`), `plain` has the defaults.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from terrazzo.errors import TerrazzoError

BATCH = 8


def ours(patches_path: Path, n_batches: int) -> float:
    """Images a second of fit's training epochs, the first epoch apart."""
    import torch

    from terrazzo.model.network import build_model, normalization_for
    from terrazzo.patches.folder import Patches, open_patches
    from terrazzo.recipe.reading import load_recipe
    from terrazzo.training.fit import compute_for, fit
    from terrazzo.training.reports.epoch_log import read_rows
    from terrazzo.training.run_folder import METRICS, Run

    class Few(Patches):
        """The same patches, the first so many of each split: an epoch of `n_batches`."""

        def rows(self, split):  # type: ignore[no-untyped-def]
            return super().rows(split)[: n_batches * BATCH if split == "train" else BATCH]

    found = open_patches(patches_path)
    patches = Few(**{name: getattr(found, name) for name in found.__dataclass_fields__})
    recipe = load_recipe("unet-resnet34").with_changes({"model.encoder_weights": "none", "train.epochs": 3})
    torch.manual_seed(0)
    network = build_model(recipe.model, 3, patches.schema.n_classes, normalization_for(recipe.model, patches.bands))
    with tempfile.TemporaryDirectory() as folder:
        fit(network, Run(patches_path, recipe, Path(folder)), patches, compute_for(recipe, "cpu"))
        return statistics.median(row["images_per_s"] for row in read_rows(Path(folder) / METRICS)[1:])


def plain(patches_path: Path, n_batches: int) -> float:
    """Images a second of a plain float32 loop."""
    import segmentation_models_pytorch as smp
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from terrazzo.patches.folder import open_patches

    patches = open_patches(patches_path)
    rows = patches.rows("train")[: n_batches * BATCH]
    images = torch.from_numpy(patches.images[rows]).permute(0, 3, 1, 2).contiguous()
    loader = DataLoader(TensorDataset(images, torch.from_numpy(patches.masks[rows])), BATCH, shuffle=True)
    torch.manual_seed(0)
    network = smp.Unet("resnet34", encoder_weights=None, classes=patches.schema.n_classes)
    dice = smp.losses.DiceLoss("multiclass", ignore_index=255)
    cross_entropy = torch.nn.CrossEntropyLoss(ignore_index=255)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    seconds = []
    for batch, ids in loader:
        started = time.perf_counter()
        logits = network(batch.float() / 255)
        loss = cross_entropy(logits, ids.long()) + dice(logits, ids.long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - started)
    return BATCH / statistics.median(seconds[2:])


def bare(patches_path: Path, n_batches: int, compiled: bool = False) -> float:
    """Images a second of nothing but the step, on one batch."""
    import torch

    from terrazzo.model.losses import build_loss
    from terrazzo.model.network import build_model, normalization_for
    from terrazzo.patches.folder import open_patches
    from terrazzo.recipe.reading import load_recipe
    from terrazzo.training.batches import batches
    from terrazzo.training.fit import compute_for
    from terrazzo.training.step import build_optimizer

    patches = open_patches(patches_path)
    recipe = load_recipe("unet-resnet34").with_changes({"model.encoder_weights": "none"})
    compute = compute_for(recipe, "cpu")
    torch.manual_seed(0)
    network = build_model(recipe.model, 3, patches.schema.n_classes, normalization_for(recipe.model, 3))
    network.to(memory_format=compute.memory_format)
    loss = build_loss(recipe.loss, patches.schema.n_classes)
    optimizer = build_optimizer(recipe.optimizer, network)
    pixels, ids = next(iter(batches(patches, "train", BATCH)))
    forward = torch.compile(network) if compiled else network
    seconds = []
    for _ in range(n_batches):
        started = time.perf_counter()
        with compute.autocast():
            logits = forward(pixels)
        value = loss(logits, ids)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - started)
    return BATCH / statistics.median(seconds[2:])


CONTESTANTS = {"ours": ours, "plain": plain, "bare": bare, "compiled": partial(bare, compiled=True)}


def main(words: Sequence[str] | None = None) -> None:
    """Run the contestants in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description="Training throughput in images/s.")
    parser.add_argument("patches", type=Path)
    parser.add_argument("--batches", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--compiled", action="store_true", help="the bare step by torch.compile, too")
    parser.add_argument("--only", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.only:
        print(CONTESTANTS[options.only](options.patches, options.batches))
        return
    from terrazzo.patches.folder import open_patches

    try:
        open_patches(options.patches)  # the contestants are processes, which would end in a traceback
    except TerrazzoError as problem:
        parser.error(str(problem))
    wanted = [name for name in CONTESTANTS if options.compiled or name != "compiled"]
    found: dict[str, list[float]] = {name: [] for name in wanted}
    for number in range(options.rounds):
        for name in wanted:
            words = [str(options.patches), "--batches", str(options.batches), "--only", name]
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-m", "benchmarks.training", *words],
                capture_output=True,
                text=True,
                check=True,
            )
            found[name].append(float(done.stdout.split()[-1]))
            print(f"round {number + 1}: {name:8} {found[name][-1]:6.2f} images/s", flush=True)
    medians = {name: round(statistics.median(values), 2) for name, values in found.items()}
    ratios = {f"ours/{name}": round(medians["ours"] / medians[name], 3) for name in ("plain", "bare")}
    if options.compiled:
        ratios["compiled/bare"] = round(medians["compiled"] / medians["bare"], 3)
    print(json.dumps({"images_per_s": medians, **ratios}))


if __name__ == "__main__":
    main()
