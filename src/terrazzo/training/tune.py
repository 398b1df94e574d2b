"""A learning rate for a recipe on given patches, as a number, a table and a picture."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from terrazzo.errors import InputError, RecipeError
from terrazzo.recipe.arguments import DEFAULT_RECIPE, Changes, RecipeName
from terrazzo.system.devices import check_compute
from terrazzo.system.extras import need_training
from terrazzo.system.files import (
    Mark,
    csv_text,
    digest,
    read_json,
    refuse_existing,
    write_folder_beside,
    write_json,
    write_text,
)
from terrazzo.system.options import Device, Option, Overwrite
from terrazzo.system.places import PathLike
from terrazzo.system.reporting import Progress, Reporter, Say, quiet, silent

if TYPE_CHECKING:
    from terrazzo.patches.folder import Patches
    from terrazzo.training.range_test import Curve
    from terrazzo.training.run_folder import Run


def tune(
    patches: Annotated[PathLike, Option("The folder that prepare wrote.")],
    *,
    out: Annotated[PathLike, Option("Folder for the curve.")],
    recipe: RecipeName = DEFAULT_RECIPE,
    steps: Annotated[int, Option("Training steps, each at a higher learning rate.")] = 100,
    changes: Changes = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> "Tuned":
    """Find a learning rate: the loss over a few steps of growing rate, and the --set line to use.

    Up to `steps` training steps are taken, each at a higher rate; no weights are kept. Raises PatchesError,
    RecipeError, OutputExistsError, and InputError if the curve suggests nothing.
    """
    need_training("tune")
    from terrazzo.recipe.reading import changed_recipe, changes_of, refuse_data_changes
    from terrazzo.training.run_folder import Run
    from terrazzo.training.train import is_patches

    wanted = changes_of(changes)
    if is_patches(Path(patches)):
        refuse_data_changes(wanted, patches)
    chosen = changed_recipe(recipe, {}, wanted)
    if "optimizer.lr" in wanted and chosen.optimizer.encoder_lr is None:
        raise RecipeError("--set optimizer.lr: tune looks for it, from 1e-06 to 1; leave it out")
    run = Run(Path(patches), chosen, Path(out), device, overwrite=overwrite, reporter=Reporter(progress, say))
    return _tune(run, steps)


PLOT, TABLE, RESULT = "learning_rate.png", "learning_rate.csv", "tune.json"
MARK = Mark((PLOT, TABLE, RESULT), ((RESULT, '"recipe"'),))
FEWEST_STEPS = 20


@dataclass(frozen=True)
class Tuned:
    """A learning rate found by a range test, and its curve."""

    out: Path
    lr: float
    kept: bool
    """The same test had finished before."""

    @property
    def plot(self) -> Path:
        """The curve as PNG."""
        return self.out / PLOT

    @property
    def assignment(self) -> str:
        """For `train --set`."""
        return f"optimizer.lr={self.lr:.2g}"

    def _repr_png_(self) -> bytes:
        return self.plot.read_bytes()


def _tune(run: "Run", steps: int) -> Tuned:
    """The result of a range test, written as learning_rate.png, .csv and tune.json. Checks precede torch's import."""
    from terrazzo.patches.folder import open_patches
    from terrazzo.patches.light import light_in
    from terrazzo.training.run import check_training, suited, try_network

    check_compute(run.device)
    if steps < FEWEST_STEPS:
        raise InputError(f"--steps {steps}: too few to see a curve; give {FEWEST_STEPS} or more")
    patches, out = open_patches(run.patches), run.folder
    run = replace(run, recipe=suited(run.recipe, light_in(patches), run.reporter.say))
    check_training(patches, run.recipe)
    key = digest(patches.content_hash, run.recipe.model_dump_json(), str(steps))
    if not run.overwrite and (kept := _finished(out, key)) is not None:
        return kept
    refuse_existing(out, "a finished range test", run.overwrite, MARK)
    try_network(run, patches)
    curve = _curve(run, patches, steps)
    lr = curve.suggestion
    with write_folder_beside(out) as folder:
        rows = zip(curve.lrs, curve.losses, curve.smooth, strict=True)
        write_text(folder / TABLE, csv_text(("lr", "loss", "smoothed"), rows))
        _plot(curve, lr, run.recipe.name, folder / PLOT)
        write_json(folder / RESULT, {"key": key, "recipe": run.recipe.name, "lr": lr, "steps": len(curve.lrs)})
    return Tuned(out, lr, False)


def _curve(run: "Run", patches: "Patches", steps: int) -> "Curve":
    from terrazzo.training.choices import first_network, settle_choices
    from terrazzo.training.fit import compute_for
    from terrazzo.training.range_test import range_test

    compute = compute_for(run.recipe, run.device)
    network = first_network(patches, run.recipe)
    recipe = settle_choices(network, patches, run.recipe, compute, run)
    return range_test(network, replace(run, recipe=recipe), patches, compute, steps)


def _finished(out: Path, key: str) -> Tuned | None:
    """The result in `out`, if it is of the same patches, recipe and steps."""
    result = read_json(out / RESULT)
    return Tuned(out, float(result["lr"]), True) if result.get("key") == key and (out / PLOT).is_file() else None


def _plot(curve: "Curve", lr: float, name: str, out_png: Path) -> None:
    """Draw the loss over the learning rate, single and smoothed, and mark the suggestion."""
    from matplotlib.figure import Figure

    from terrazzo.training.reports.curves import save

    figure = Figure(figsize=(7.0, 4.2), dpi=110, layout="constrained")
    axis = figure.subplots()
    axis.plot(curve.lrs, curve.losses, ".", color="#cbd5e1", markersize=4, label="each step")
    axis.plot(curve.lrs, curve.smooth, color="#2563eb", linewidth=2, label="smoothed")
    axis.axvline(lr, color="#c2410c", linewidth=1.4, label=f"suggestion: {lr:.2g}")
    axis.set_xscale("log")
    low, high = min(curve.smooth), curve.smooth[0]
    axis.set_ylim(low - 0.15 * (high - low), high + 0.35 * (high - low))
    axis.set_xlabel("learning rate")
    axis.set_ylabel("training loss")
    axis.set_title(f"Learning-rate range test: {name}", loc="left", fontsize=12, fontweight="bold")
    axis.legend(fontsize=9, framealpha=1, edgecolor="white")
    save(figure, out_png)
