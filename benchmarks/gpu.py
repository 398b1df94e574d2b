"""What one GPU does with the program, in a few minutes: training beside its bare step and a plain loop, and mapping.

    python -m benchmarks.gpu PATCHES --out DIR
    python -m benchmarks.gpu PATCHES --out DIR --device cpu --quick    # the same on a CPU, small: does it run?

It writes DIR/report.json and DIR/report.md. U-Net with ResNet34, cross-entropy + Dice, AdamW throughout; images are the
training patches, repeated where a batch needs more.

    fit      training epochs of terrazzo's `fit`: loading, augmentation, logging (validation and the first epoch apart)
    bare     forward, loss, backward and optimizer step on one batch that lies on the device, at our precision
    plain    the loop of segmentation-models-pytorch's examples with its own losses: float32, and autocast to bf16
    matrix   the share that the bare step's multiplications and additions have of what a large bf16 product reaches
    waits    how often a training step makes the host wait for the GPU, as torch counts it
    mapping  a raster to GeoTIFFs and polygons, over forward passes of the network alone on as many windows; the
             network has had three epochs, and the raster is made of the patches' images
    Dubai    minutes of the 100 epochs of dubai-resnet34, by `fit` at its batch size and the number of patches

All other weights are random: speed does not depend on them.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu_mapping import of_mapping
from benchmarks.gpu_report import markdown
from benchmarks.gpu_timing import matrix_rate, seconds_of
from terrazzo.errors import TerrazzoError

NETWORK = "unet-resnet34"
DUBAI = "dubai-resnet34"


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    sizes: tuple[int, ...]
    """Batch sizes of the bare step."""
    steps: int
    """Timed steps of each figure."""
    epochs: int
    """Of `fit`, the first apart."""
    matrix: int
    """The side of the square matrices."""
    raster: int
    """The side of the raster in pixels."""


WHOLE = Extent((4, 8, 16, 32, 64, 128), 20, 3, 8192, 8192)
QUICK = Extent((2, 4), 2, 2, 256, 512)


class Training:
    """The contestants, on one device and the same patches."""

    def __init__(self, path: Path, device: str) -> None:
        from terrazzo.patches.folder import open_patches
        from terrazzo.recipe.reading import load_recipe
        from terrazzo.training.fit import compute_for

        self.path, self.word = path, device
        self.patches = open_patches(path)
        self.recipe = load_recipe(NETWORK).with_changes({"model.encoder_weights": "none"})
        self.compute = compute_for(self.recipe, device)

    @property
    def device(self) -> Any:
        """Torch's device."""
        return self.compute.device

    def network(self) -> Any:
        """The network with its initial weights, on the device."""
        from terrazzo.training.choices import first_network

        return first_network(self.patches, self.recipe).to(self.device).to(memory_format=self.compute.memory_format)

    def batch(self, size: int) -> tuple[Any, Any]:
        """One batch of training patches on the device."""
        import numpy as np

        from terrazzo.training.batches import PatchDataset

        rows = np.resize(self.patches.rows("train"), size).tolist()
        pixels, ids = PatchDataset(self.patches)[rows]
        return pixels.to(self.device), ids.to(self.device)

    def bare(self, size: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
        """A step on one batch, and its forward and backward passes alone."""
        from terrazzo.model.losses import build_loss
        from terrazzo.training.step import build_optimizer

        network, (pixels, ids) = self.network().train(), self.batch(size)
        loss = build_loss(self.recipe.loss, self.patches.schema.n_classes).to(self.device)
        optimizer = build_optimizer(self.recipe.optimizer, network)

        def passes() -> None:
            with self.compute.autocast():
                logits = network(pixels)
            optimizer.zero_grad()
            loss(logits, ids).backward()

        def step() -> None:
            passes()
            optimizer.step()

        return step, passes

    def fit(self, size: int, extent: Extent) -> float:
        """Images a second of training epochs."""
        import numpy as np

        from terrazzo.patches.folder import Patches
        from terrazzo.training.fit import fit
        from terrazzo.training.reports.epoch_log import read_rows
        from terrazzo.training.run_folder import METRICS, Run

        class Few(Patches):
            """The same patches, as many as an epoch of the extent takes."""

            def rows(self, split):  # type: ignore[no-untyped-def]
                return np.resize(super().rows(split), size * extent.steps if split == "train" else 1)

        patches = Few(**{name: getattr(self.patches, name) for name in self.patches.__dataclass_fields__})
        recipe = self.recipe.with_changes({"train.epochs": extent.epochs, "train.batch_size": size})
        with tempfile.TemporaryDirectory() as folder:
            fit(self.network(), Run(self.path, recipe, Path(folder), self.word), patches, self.compute)
            return float(statistics.median(row["images_per_s"] for row in read_rows(Path(folder) / METRICS)[1:]))

    def plain(self, size: int, steps: int, bf16: bool) -> float:
        """Images a second of a loop as segmentation-models-pytorch's examples have it."""
        import numpy as np
        import segmentation_models_pytorch as smp
        import torch
        from torch.utils.data import DataLoader, TensorDataset

        rows = np.resize(self.patches.rows("train"), size * (steps + 2))
        images = torch.from_numpy(self.patches.images[rows]).permute(0, 3, 1, 2).contiguous()
        loader = DataLoader(TensorDataset(images, torch.from_numpy(self.patches.masks[rows])), size, shuffle=True)
        classes, device = self.patches.schema.n_classes, self.device
        network = smp.Unet("resnet34", encoder_weights=None, in_channels=self.patches.bands, classes=classes).to(device)
        dice = smp.losses.DiceLoss("multiclass", ignore_index=255)
        cross_entropy = torch.nn.CrossEntropyLoss(ignore_index=255)
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
        batches = iter(loader)

        def step() -> None:
            batch, ids = next(batches)
            batch, ids = batch.to(device), ids.to(device).long()
            with torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext():
                logits = network(batch.float() / 255)
                loss = cross_entropy(logits, ids) + dice(logits, ids)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return size / seconds_of(step, steps, device)

    def waits(self, size: int) -> float | None:
        """How often a training step makes the host wait for the GPU; None on a CPU."""
        import torch

        from terrazzo.training.step import TrainingStep

        if self.device.type != "cuda":
            return None
        network, batch = self.network().train(), self.batch(size)
        step = TrainingStep(network, self.recipe, self.patches.schema.n_classes, self.compute.memory_format)
        step.loss.to(self.device)
        n = 5
        with warnings.catch_warnings(record=True) as caught, self.compute.autocast():
            warnings.simplefilter("always")
            for number in range(n + 2):
                torch.cuda.set_sync_debug_mode("warn" if number >= 2 else "default")
                step(batch, self.patches.patch_size, 0, number).backward()
            torch.cuda.set_sync_debug_mode("default")
        return len([each for each in caught if "synchroniz" in str(each.message)]) / n


def by_batch_size(training: Training, extent: Extent, rate: float) -> list[dict[str, Any]]:
    """Speed and peak memory of the bare step by batch size, up to the largest that memory holds."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    found: list[dict[str, Any]] = []
    on_gpu = training.device.type == "cuda"
    for size in extent.sizes:
        try:
            if on_gpu:
                torch.cuda.reset_peak_memory_stats(training.device)
            step, passes = training.bare(size)
            images = size / seconds_of(step, extent.steps, training.device)
            peak = torch.cuda.max_memory_allocated(training.device) / 1e6 if on_gpu else None
            with FlopCounterMode(display=False) as counter:
                passes()
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            break
        share = counter.get_total_flops() / size * images / rate
        found.append({"batch_size": size, "images_per_s": images, "peak_memory_mb": peak, "matrix_share": share})
    return found


def of_training(training: Training, extent: Extent, rate: float) -> dict[str, Any]:
    """Everything about training, at the fastest batch size."""
    from terrazzo.recipe.reading import load_recipe

    sizes = by_batch_size(training, extent, rate)
    best = max(sizes, key=lambda row: row["images_per_s"])
    size, bare = best["batch_size"], best["images_per_s"]
    fitted = training.fit(size, extent)
    plain = {name: training.plain(size, extent.steps, name == "bf16") for name in ("float32", "bf16")}
    dubai = load_recipe(DUBAI).train
    at_its_size = training.fit(int(dubai.batch_size), extent)
    n_train = len(training.patches.rows("train"))
    return {
        "bare": sizes,
        "batch_size": size,
        "images_per_s": {"fit": fitted, "bare": bare, **{f"plain {name}": value for name, value in plain.items()}},
        "fit_over_bare": fitted / bare,
        **{f"fit_over_plain_{name}": fitted / value for name, value in plain.items()},
        "waits_a_step": training.waits(size),
        "dubai": {
            "recipe": DUBAI,
            "batch_size": int(dubai.batch_size),
            "images_per_s": at_its_size,
            "patches": n_train,
            "minutes": dubai.epochs * n_train / at_its_size / 60,
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description="What one GPU does with the program.")
    parser.add_argument("patches", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    options = parser.parse_args(arguments)
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # mapping takes the best device that it sees
    import torch

    extent, started = QUICK if options.quick else WHOLE, time.perf_counter()
    try:
        training = Training(options.patches, options.device)
    except TerrazzoError as problem:
        parser.error(str(problem))
    rate = matrix_rate(extent.matrix, training.device)
    report: dict[str, Any] = {
        "device": training.compute.describe(),
        "torch": torch.__version__,
        "quick": options.quick,
        "matrix_tflops": rate / 1e12,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    # Each part is written as it is there, since a lent machine may go before the end.
    for name, measure in (
        ("training", lambda: of_training(training, extent, rate)),
        ("mapping", lambda: of_mapping(options.patches, NETWORK, extent.epochs, extent.raster, options.device)),
    ):
        report[name] = measure()
        report["seconds"] = time.perf_counter() - started
        (options.out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (options.out / "report.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()
