"""Patches to look at before and after training: a choice that shows every class, drawn as one PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray

from terrazzo._version import __version__
from terrazzo.errors import InputError, OutputExistsError
from terrazzo.evaluation.metrics import class_counts, confusion_matrices
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.pixels.keyed import KEY, key_of, refuse_other
from terrazzo.system.devices import check_compute
from terrazzo.system.files import digest, file_digest, write_beside, writing
from terrazzo.system.options import Device, Option, Overwrite, Precision
from terrazzo.system.reporting import Progress, silent

if TYPE_CHECKING:
    from terrazzo.evaluation.request import Asked

MOST = 100
"""So many patches are shown at most."""

_AT_A_TIME = 64
_BATCH = 8


@dataclass(frozen=True)
class Gallery:
    """A picture of patches; notebooks show it."""

    path: Path
    """The PNG."""
    shown: tuple[int, ...]
    """The numbers of the patches, in reading order."""
    kept: bool
    """A finished picture of the same inputs and options was there already."""

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()


@dataclass(frozen=True)
class _Wanted:
    """What to show, checked."""

    patches: Patches
    split: str
    rows: NDArray[np.int64]
    """The numbers of the chosen patches."""
    asked: "Asked | None"
    """The model whose predictions are shown."""


def show(
    patches: Annotated[str | Path, Option("The folder that prepare wrote.")],
    *,
    split: Annotated[str | None, Option("train, val or test; train if not given, val with --model.")] = None,
    n: Annotated[int, Option("How many patches.", flags=("--n",))] = 12,
    seed: Annotated[int, Option("Another seed is another choice.")] = 0,
    model: Annotated[str | Path | None, Option("Show this model's predictions beside the masks.")] = None,
    out: Annotated[str | Path | None, Option("The .png to write; PATCHES_preview.png if not given.")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    overwrite: Overwrite = False,
    progress: Progress = silent,
) -> Gallery:
    """Draw patches beside their masks, every class among them, with a legend.

    The choice depends on the patches, `n` and `seed` alone, and shows every class where `n` is enough. By default the
    split is train (val with a model), and the file PATCHES_preview.png (PATCHES_predictions.png) beside the folder.
    Raises PatchesError, InputError, ModelFileError, OutputExistsError; a finished picture of the same is kept.
    """
    check_compute(device, precision)
    if not 1 <= n <= MOST:
        raise InputError(f"--n {n}: expected 1 to {MOST} patches")
    if seed < 0:
        raise InputError(f"--seed {seed}: expected a whole number from 0 on")
    folder = Path(patches)
    wanted = _wanted(folder, split or ("train" if model is None else "val"), model, device, precision)
    out = _place(folder, out, "preview" if model is None else "predictions")
    chosen = wanted.rows[choose(_class_pixels(wanted.patches, wanted.rows), n, seed)]
    wanted = _Wanted(wanted.patches, wanted.split, chosen, wanted.asked)
    numbers = tuple(chosen.tolist())
    key = _key(wanted, n, seed)
    if not overwrite:
        if out.is_file() and key_of(out) == key:
            return Gallery(out, numbers, True)
        refuse_other(out, key, "these patches and options")
    _write(out, wanted, key, progress)
    return Gallery(out, numbers, False)


def choose(class_pixels: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """Up to `n` of N patches, ascending, by their pixels of each class (N, K); the same on every call.

    Law: where `n` is at least the number of classes that occur, each class is seen well: one chosen patch has at
    least half as many of its pixels as the fullest patch. With fewer, rare classes go first; the rest is random.
    Patches that are ignored altogether are taken only where there are no others.
    """
    order = np.random.default_rng(seed).permutation(len(class_pixels))
    seen_well = (class_pixels > 0) & (2 * class_pixels >= class_pixels.max(axis=0))
    in_patches = (class_pixels > 0).sum(axis=0)
    chosen: list[int] = []
    for number in np.argsort(in_patches, kind="stable"):
        if in_patches[number] and len(chosen) < n and not seen_well[chosen, number].any():
            chosen.append(int(next(patch for patch in order if seen_well[patch, number])))
    is_empty = class_pixels.sum(axis=1) == 0
    others = [int(patch) for patch in order[np.argsort(is_empty[order], kind="stable")] if patch not in chosen]
    return np.sort(np.array((chosen + others)[:n], np.int64))


def _wanted(folder: Path, split: str, model: str | Path | None, device: str, precision: str) -> _Wanted:
    """Patches, and the model if one is given, opened and found to fit each other."""
    if model is None:
        opened = open_patches(folder)
        return _Wanted(opened, split, opened.rows(split), None)
    from terrazzo.evaluation.request import check

    asked = check(Path(model), folder, split, _BATCH, device, precision)
    return _Wanted(asked.patches, split, asked.rows, asked)


def _place(folder: Path, out: str | Path | None, what: str) -> Path:
    """The file to write. Raises InputError or OutputExistsError where it cannot be."""
    place = folder.resolve().parent / f"{folder.resolve().name}_{what}.png" if out is None else Path(out)
    if out is None and not folder.is_absolute():
        place = folder.parent / place.name
    if place.suffix.lower() != ".png":
        raise InputError(f"--out {place}: expected the name of a .png file")
    if place.is_dir():
        raise OutputExistsError(f"{place}: is a folder; --out takes the name of a .png file")
    if folder.resolve() in place.resolve().parents:
        raise InputError(f"--out {place}: lies in the folder of the patches, which holds nothing else; choose another")
    return place


def _class_pixels(patches: Patches, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pixels (N, K) of each class in each of the patches."""
    n_classes = patches.schema.n_classes
    pixels = np.zeros((len(rows), n_classes), np.int64)
    for start in range(0, len(rows), _AT_A_TIME):
        masks = patches.masks[rows[start : start + _AT_A_TIME]]
        pixels[start : start + len(masks)] = class_counts(confusion_matrices(masks, masks, n_classes))[:, 1]
    return pixels


def _key(wanted: _Wanted, n: int, seed: int) -> str:
    asked = wanted.asked
    of_model = () if asked is None else (file_digest(asked.model), asked.device, asked.precision)
    return digest("show", __version__, wanted.patches.content_hash, wanted.split, str(n), str(seed), *of_model)


def _write(out: Path, wanted: _Wanted, key: str, progress: Progress) -> None:
    from PIL import PngImagePlugin

    from terrazzo.evaluation.contact_sheet import Entry, draw_sheet

    patches, rows = wanted.patches, wanted.rows
    predicted = [] if wanted.asked is None else _predicted(wanted.asked, rows, progress)
    entries = [
        Entry(_caption(patches, row), patches.images[row], (patches.masks[row], *predicted[number : number + 1]))
        for number, row in enumerate(rows)
    ]
    heads = ("image", "truth", "prediction") if predicted else ("image", "mask")
    sheet = draw_sheet(_title(wanted), heads, entries, patches.schema)
    text = PngImagePlugin.PngInfo()
    text.add_text(KEY, key)
    with writing(out), write_beside(out) as temporary:
        sheet.save(temporary, "PNG", pnginfo=text, optimize=True)


def _predicted(asked: "Asked", rows: NDArray[np.int64], progress: Progress) -> Sequence[NDArray[np.uint8]]:
    """Class ids (H, W) of each of the patches."""
    from terrazzo.evaluation.scoring import probs_of
    from terrazzo.model.bundle import load

    bundle = load(asked.model, asked.device, asked.precision)
    maps: list[NDArray[np.uint8]] = []
    for start in range(0, len(rows), asked.batch_size):
        probs = probs_of(bundle, asked.patches, rows[start : start + asked.batch_size])
        maps.extend(probs.argmax(dim=1).cpu().numpy().astype(np.uint8))
        progress("predicting patches", len(maps), len(rows))
    return maps


def _caption(patches: Patches, row: np.int64) -> str:
    at_row, at_col = patches.corners[row].tolist()
    return f"{patches.image_names[patches.image_of[row]]}  row {at_row}, col {at_col}"


def _title(wanted: _Wanted) -> str:
    n_all = int((wanted.patches.sides == wanted.split).sum())
    patches = f"{wanted.patches.path.resolve().name}: {len(wanted.rows)} of {n_all} patches of split {wanted.split}"
    return patches if wanted.asked is None else f"{patches}, predicted by {wanted.asked.header.title}"
