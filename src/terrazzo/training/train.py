"""Training from patches, or from a data set that is first prepared into RUN/patches."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from terrazzo.errors import InputError, OutputExistsError
from terrazzo.patches.prepare import prepare_by_section
from terrazzo.recipe.arguments import DEFAULT_RECIPE, START_RECIPE, Changes
from terrazzo.system.devices import check_compute
from terrazzo.system.extras import need_training
from terrazzo.system.files import PARTIAL_SUFFIX, refuse_existing
from terrazzo.system.options import Device, Option, Overwrite
from terrazzo.system.places import PathLike
from terrazzo.system.reporting import Progress, Reporter, Say, quiet, silent

if TYPE_CHECKING:
    from terrazzo.training.run import Trained
    from terrazzo.training.run_folder import Run
    from terrazzo.training.starting.start import Start

PATCHES = "patches"


def train(
    patches: Annotated[
        PathLike, Option("The folder that prepare wrote, or a data set (folder, .zip) to prepare first.")
    ],
    *,
    out: Annotated[PathLike, Option("Folder for the run.")],
    recipe: Annotated[
        str | None, Option("A shipped recipe, or a .yaml file; if not given unet-resnet34, with --from finetune.")
    ] = None,
    from_model: Annotated[
        PathLike | None, Option("Start from this model.safetensors: its network and classes.", flags=("--from",))
    ] = None,
    keep: Annotated[
        PathLike | None, Option("With --from: patches that it must not forget, mixed in; half of each batch.")
    ] = None,
    epochs: Annotated[int | None, Option("Passes over the training patches.")] = None,
    batch_size: Annotated[int | str | None, Option("Patches a step; auto: what the memory holds.")] = None,
    encoder_weights: Annotated[str | None, Option("imagenet, none, auto, or a weights file.")] = None,
    changes: Changes = None,
    device: Device = "auto",
    devices: Annotated[int, Option("GPUs, or processes on a CPU; each step takes a batch for each.")] = 1,
    nodes: Annotated[int, Option("Nodes, whose processes torchrun or SLURM starts.")] = 1,
    resume: Annotated[bool, Option("Resume an interrupted run.")] = False,
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> "Trained":
    """Train a recipe on patches; the best epoch becomes model.safetensors. With `from_model` training starts from it.

    A data set (folder or .zip) in place of `patches` is prepared first, by the recipe's data section, into OUT/patches.
    `recipe` is a shipped name or a .yaml file; `changes` overrides its fields, as in `{"optimizer.lr": 3e-4}`.

    `from_model` gives network, normalization and classes; classes are matched by name, and new ones get the next ids.
    `keep` are patches that it was trained on before. Where no patch is held out for validation, the model is that of
    the last step.

    Several `devices` share each step: they train as one would on that many times the batch size, where the network has
    no batch normalization or keeps its statistics, and the loss is cross-entropy. Processes that torchrun or SLURM
    started are used as they are; all but the first return what it trained and report nothing.

    Raises PatchesError, RecipeError, WeightsError, OutputExistsError; InputError or ModelFileError for `from_model`;
    StoppedError if Ctrl-C came before the end of the first epoch; and what `prepare` raises.
    """
    need_training("train")
    from terrazzo.model.header import read_header
    from terrazzo.recipe.reading import changed_recipe, changes_of, refuse_data_changes
    from terrazzo.training.ranks.environment import check_devices, place_in
    from terrazzo.training.run_folder import Run
    from terrazzo.training.starting.start import with_network

    short = {"train.epochs": epochs, "train.batch_size": batch_size, "model.encoder_weights": encoder_weights}
    if resume and overwrite:
        raise InputError("--overwrite: starts anew, and --resume continues; leave one of them out")
    if keep is not None and from_model is None:
        raise InputError(f"--keep {keep}: is for --from MODEL, which it keeps from forgetting; leave it out")
    source, folder, wanted = Path(patches), Path(out), changes_of(changes)
    if is_patches(source):
        refuse_data_changes(wanted, source)
    by_flag = {name: value for name, value in short.items() if value is not None}
    check_devices(device, devices)
    place = place_in(devices, nodes)
    start = None if from_model is None else _opened(Path(from_model), source, {**by_flag, **wanted})
    chosen = changed_recipe(recipe or (DEFAULT_RECIPE if start is None else START_RECIPE), by_flag, wanted)
    run = Run(
        patches_of(source, folder),
        chosen if start is None else with_network(chosen, start, say),
        folder,
        device=device,
        resume=resume,
        overwrite=overwrite,
        reporter=Reporter(progress, say),
        start=start,
        keep=None if keep is None else Path(keep),
        devices=devices,
        nodes=nodes,
    )
    if place.by is None:
        return _led(run, source)
    check_compute(run.device)
    if place.number:
        from terrazzo.training.ranks.following import follow
        from terrazzo.training.run import Trained

        model = follow(place, run.device)
        return Trained(model, read_header(model), False, False)
    from terrazzo.training.ranks.leading import leading

    with leading(run) as models:
        trained = _led(run, source)
        models.append(trained.model)
    return trained


def _led(run: "Run", source: Path) -> "Trained":
    """The trained model of a run, its patches prepared first where `source` is a data set."""
    from terrazzo.training.run import train_patches

    folder = run.folder
    if run.patches != source:
        if folder.resolve() == source.resolve():
            raise OutputExistsError(f"{folder}: is the data set itself; choose another --out")
        check_compute(run.device)
        _prepare_first(source, run)
    if run.patches.absolute() == (folder / PATCHES).absolute() and _holds_only_patches(folder):
        run = replace(run, overwrite=True)  # nothing but its own patches is there
    return train_patches(run)


def _opened(model: Path, source: Path, changes: Mapping[str, Any]) -> "Start":
    """The model to start from. Raises InputError, ModelFileError, or RecipeError at changes of its network."""
    from terrazzo.recipe.reading import flag_of
    from terrazzo.training.starting.start import open_start, refuse_network_changes

    start = open_start(model)
    if is_data_set(source):
        raise InputError(
            f"{source}: is a data set; with --from expected patches; prepare it first, with the model's patch size: "
            f"terrazzo prepare {source} --patch-size {start.header.patch_size} --out patches"
        )
    refuse_network_changes(start, changes, {"model.encoder_weights": flag_of("model.encoder_weights")})
    return start


def is_data_set(source: Path) -> bool:
    """Whether `source` is a folder or .zip to prepare; False for patches, even damaged ones, and for anything else."""
    from terrazzo.patches.folder import DESCRIPTION, IMAGES, INDEX, MASKS

    if source.is_dir():
        return not any((source / name).exists() for name in (DESCRIPTION, INDEX, IMAGES, MASKS))
    return source.is_file() and source.suffix.lower() == ".zip"


def is_patches(source: Path) -> bool:
    """Whether `source` is a folder of patches, whole or damaged."""
    return source.is_dir() and not is_data_set(source)


def patches_of(source: Path, run: Path) -> Path:
    """The patches of a run: `source` itself, or for a data set the patches in the run's folder."""
    return run / PATCHES if is_data_set(source) else source


def _prepare_first(source: Path, run: "Run") -> None:
    """Write or keep RUN/patches. A folder with a run that did not start from a data set is refused first."""
    from terrazzo.recipe.stages import legs
    from terrazzo.training.run_folder import MARK

    legs(run.recipe, run.recipe.data.patch_size)  # stages and windows that do not fit are refused before the work
    folder, say = run.folder, run.reporter.say
    if not run.patches.is_dir() and not _holds_only_patches(folder):
        refuse_existing(folder, "a run", run.overwrite, MARK)
    if not run.patches.is_dir() and run.recipe.model.encoder is not None:
        from terrazzo.training.choices import try_before_preparing

        try_before_preparing(run.recipe, run.device)
    say(f"{source} is a data set: preparing it into {run.patches} (`terrazzo prepare` has options)")
    was_there = folder.exists()
    try:
        done = prepare_by_section(source, run.patches, run.recipe.data, run.overwrite, run.reporter)
    finally:
        if not was_there and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    for line in done.lines:
        say(f"warning: {line}")
    for line in done.summary():
        say(line)


def _holds_only_patches(run: Path) -> bool:
    """Whether the run's folder holds nothing but patches and leftovers of killed writers."""
    if not run.is_dir():
        return False
    return all(item.name == PATCHES or (item.name[0] == "." and PARTIAL_SUFFIX in item.name) for item in run.iterdir())
