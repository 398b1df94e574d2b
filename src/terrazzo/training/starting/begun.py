"""What a run that starts from a model trains on: its patches and the kept ones, in the model's classes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import PatchesError, RecipeError
from terrazzo.model.header import Header, LineageStep
from terrazzo.patches.class_matching import lines, match, relabelled
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.recipe.recipe import Recipe
from terrazzo.system.files import digest, read_json, write_json
from terrazzo.system.reporting import Reporter, Say, how_many
from terrazzo.training.starting.fitting import refuse_unfit, tell_size
from terrazzo.training.starting.start import HOW, Start

RECORD = "start.json"
"""In a run's folder: what it started from."""


@dataclass(frozen=True)
class Begun:
    """A start model, the patches to train on, and the patches that are kept, all with one class table."""

    start: Start
    patches: Patches
    kept: Patches | None

    def key(self, of_run: str) -> str:
        """The key of the run with what it starts from and keeps."""
        return digest(of_run, *record(self.start, self.kept).values())

    def header(self, header: Header, steps: int) -> Header:
        """The header of the trained model with what it has of the start model: input, images seen, lineage.

        The patch size stays the start model's, because windows of maps are cut by it.
        """
        before = self.start.header
        hashes = {*header.training_data.train_images, *before.training_data.train_images}
        sets = [self.patches.content_hash]
        if self.kept is not None:
            images = np.unique(self.kept.image_of[self.kept.rows("train")])
            hashes |= {self.kept.image_hashes[image] for image in images}
            sets.append(self.kept.content_hash)
        step = LineageStep(HOW, (self.start.sha256,), steps=steps, patches=tuple(sets))
        return replace(
            header,
            training_data=replace(header.training_data, train_images=tuple(sorted(hashes))),
            patch_size=before.patch_size,
            fit=before.fit,
            gsd_m=before.gsd_m if before.gsd_m is not None else header.gsd_m,
            band_reading=before.band_reading or header.band_reading,
            lineage=(*before.lineage, step),
        )


def begin(start: Start, patches: Patches, keep: Path | None, reporter: Reporter) -> Begun:
    """The patches and the kept ones in the model's classes; what was matched and what is left out is reported.

    Raises PatchesError where one of them does not fit the model, or the kept ones are no others.
    """
    say = reporter.say
    refuse_unfit(patches, start)
    tell_size(patches, start, say)
    matched = match(start.header.schema, patches)
    for line in lines(matched, str(patches.path)):
        say(line)
    own = relabelled(patches, matched)
    _tell_held_out(own, say)
    return Begun(start, own, None if keep is None else _kept(keep, own, start, say))


def record(start: Start | None, kept: Patches | None) -> dict[str, str]:
    """What a run starts from, for its folder: hashes of the model and of the kept patches."""
    of_kept = {} if kept is None else {"kept": kept.content_hash}
    return {} if start is None else {"model": start.sha256, **of_kept}


def write_record(folder: Path, begun: Begun) -> None:
    """Write start.json."""
    write_json(folder / RECORD, record(begun.start, begun.kept))


def refuse_another_start(folder: Path, begun: Begun | None) -> None:
    """Raise RecipeError if the run in the folder was started from another model, or keeps other patches."""
    found = read_json(folder / RECORD)
    wanted: Mapping[str, str] = {} if begun is None else record(begun.start, begun.kept)
    for name, flag in (("model", "--from"), ("kept", "--keep")):
        if found.get(name) != wanted.get(name):
            was = f"with another {flag}" if name in found and name in wanted else f"with {flag}"
            was = was if name in found else f"without {flag}"
            raise RecipeError(
                f"{folder}: was started {was}; give the same command with --resume, or start anew with --overwrite"
            )


def shares(batch_size: int) -> tuple[int, int]:
    """Patches to train on and kept patches of a batch: half and half, an odd one to train on.

    Raises RecipeError for a batch of one, which has no room for both.
    """
    if batch_size < 2:
        raise RecipeError("--batch-size 1: with --keep half of a batch are kept patches; use 2 or more")
    return batch_size - batch_size // 2, batch_size // 2


def has_side(patches: Patches, split: str) -> bool:
    """Whether the split has any patch."""
    return bool((patches.sides == split).any())


def refuse_validation(recipe: Recipe, patches: Patches) -> None:
    """Raise RecipeError where a recipe needs validation patches, and there are none."""
    needed = [
        ("schedule.name = plateau", recipe.schedule.name == "plateau"),
        (f"schedule.early_stopping = {recipe.schedule.early_stopping}", recipe.schedule.early_stopping > 0),
        ("stages", bool(recipe.stages)),
    ]
    for what, asked in needed:
        if asked:
            raise RecipeError(
                f"{what}: needs validation patches, and {patches.path} has none; use another recipe, as finetune, "
                "or prepare with --val 0.2"
            )


def _tell_held_out(patches: Patches, say: Say) -> None:
    """Report how many labelled pixels are not trained on."""
    total = int(patches.valid_pixels.sum())
    held = total - int(patches.valid_pixels[patches.rows("train")].sum())
    if held:
        say(
            f"{patches.path}: {held:,} of {total:,} labelled pixels ({held / total:.0%}) are held out and not trained "
            "on; `terrazzo prepare --for MODEL` holds none out"
        )


@contextmanager
def _named(flag: str) -> Iterator[None]:
    """What is wrong with the patches of a flag, with the flag in front."""
    try:
        yield
    except PatchesError as error:
        raise PatchesError(f"{flag} {error}") from error


def _kept(path: Path, own: Patches, start: Start, say: Say) -> Patches:
    """The patches of --keep, in the classes of the run."""
    with _named("--keep"):
        kept = open_patches(path)
        kept.rows("train")
    if kept.content_hash == own.content_hash:
        raise PatchesError(f"--keep {path}: holds the patches to train on; give those that the model was trained on")
    if kept.patch_size != own.patch_size:
        raise PatchesError(
            f"--keep {path}: has patches of {kept.patch_size} px, {own.path} of {own.patch_size} px; prepare one of "
            f"them again with the other's --patch-size"
        )
    with _named("--keep"):
        refuse_unfit(kept, start)
    matched = match(own.schema, kept, grows=False)
    if all(i == IGNORE for i in matched.ids):
        raise PatchesError(f"--keep {path}: has no class of the model {start.path}; give patches with its classes")
    if matched.left_out:
        say(f"--keep {path}: {', '.join(matched.left_out)} is no class of the model; such pixels are ignored")
    count = how_many(len(kept.rows("train")), "patch")
    say(f"--keep {path}: {count} of it are mixed in, half of each batch, so that the model does not forget")
    return relabelled(kept, matched)
