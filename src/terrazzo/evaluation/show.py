"""A picture of patches to check before and after training: a choice that shows every class, as one PNG."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from terrazzo._version import __version__
from terrazzo.errors import InputError, OutputExistsError
from terrazzo.system.devices import check_compute
from terrazzo.system.extras import need_training
from terrazzo.system.files import digest, file_digest, write_beside, writing
from terrazzo.system.options import Device, Option, Overwrite, Precision
from terrazzo.system.reporting import Progress, Reporter, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from terrazzo.evaluation.request import Inputs
    from terrazzo.patches.folder import Patches

MOST = 100
"""The most patches on one picture."""

_BATCH = 8


@dataclass(frozen=True)
class Gallery:
    """A picture of patches; notebooks show it."""

    path: Path
    shown: tuple[int, ...]
    """The indices of the patches, in reading order."""
    kept: bool
    """A picture of the same inputs and options was there already."""

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()


@dataclass(frozen=True)
class _Wanted:
    """What to show."""

    patches: "Patches"
    split: str
    rows: "NDArray[np.int64]"
    inputs: "Inputs | None"


def show(
    patches: Annotated[str | Path, Option("The folder that prepare wrote.")],
    *,
    split: Annotated[str | None, Option("train, val or test; train if not given, val with --model.")] = None,
    n: Annotated[int, Option("How many patches, at most 100.", flags=("--n",))] = 12,
    seed: Annotated[int, Option("Another seed is another choice.")] = 0,
    model: Annotated[str | Path | None, Option("Show this model's predictions beside the masks.")] = None,
    out: Annotated[str | Path | None, Option("The .png to write; PATCHES_preview.png if not given.")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    overwrite: Overwrite = False,
    progress: Progress = silent,
) -> Gallery:
    """Draw patches beside their masks, every class among them, with a legend.

    The choice depends on the patches, `n` and `seed` alone, and shows every class if `n` is large enough. By default
    the split is train (val with a model). The file is PATCHES_preview.png (PATCHES_predictions.png) beside the folder.
    A finished picture of the same is kept. Raises PatchesError, InputError, ModelFileError, OutputExistsError.
    """
    check_compute(device, precision)
    if not 1 <= n <= MOST:
        raise InputError(f"--n {n}: expected 1 to {MOST} patches")
    if seed < 0:
        raise InputError(f"--seed {seed}: expected a whole number from 0 on")
    from terrazzo.evaluation.choice import choose, class_pixels_of
    from terrazzo.evaluation.request import Request, open_inputs
    from terrazzo.patches.folder import open_patches
    from terrazzo.pixels.keyed import key_of, refuse_other

    folder = Path(patches)
    if model is None:
        opened, split = open_patches(folder), split or "train"
        wanted = _Wanted(opened, split, opened.rows(split), None)
    else:
        need_training("show with a model")
        split = split or "val"
        request = Request(Path(model), folder, split, _BATCH, device, precision, reporter=Reporter(progress))
        inputs = open_inputs(request)
        wanted = _Wanted(inputs.patches, split, inputs.rows, inputs)
    out = _place(folder, out, "preview" if model is None else "predictions")
    wanted = replace(wanted, rows=wanted.rows[choose(class_pixels_of(wanted.patches, wanted.rows), n, seed)])
    numbers = tuple(wanted.rows.tolist())
    key = _key(wanted, n, seed)
    if not overwrite:
        if out.is_file() and key_of(out) == key:
            return Gallery(out, numbers, True)
        refuse_other(out, key, "these patches and options")
    _write(out, wanted, key)
    return Gallery(out, numbers, False)


def _place(folder: Path, out: str | Path | None, what: str) -> Path:
    """The file to write. Raises InputError or OutputExistsError."""
    place = folder.resolve().parent / f"{folder.resolve().name}_{what}.png" if out is None else Path(out)
    if out is None and not folder.is_absolute():
        place = folder.parent / place.name
    if place.suffix.lower() != ".png":
        raise InputError(f"--out {place}: expected the name of a .png file")
    if place.is_dir():
        raise OutputExistsError(f"{place}: is a folder; --out takes the name of a .png file")
    if folder.resolve() in place.resolve().parents:
        raise InputError(
            f"--out {place}: lies in the folder of the patches, which holds nothing else; choose another place"
        )
    return place


def _key(wanted: _Wanted, n: int, seed: int) -> str:
    of_model: tuple[str, ...] = ()
    if wanted.inputs is not None:
        request = wanted.inputs.request
        of_model = (file_digest(request.model), request.device, request.precision)
    return digest("show", __version__, wanted.patches.content_hash, wanted.split, str(n), str(seed), *of_model)


def _write(out: Path, wanted: _Wanted, key: str) -> None:
    from PIL import PngImagePlugin

    from terrazzo.evaluation.contact_sheet import Entry, draw_sheet
    from terrazzo.pixels.keyed import KEY

    patches, rows = wanted.patches, wanted.rows
    predicted = [] if wanted.inputs is None else _predicted(wanted.inputs, rows)
    entries = [
        Entry(_caption(patches, row), patches.picture(row), (patches.masks[row], *predicted[number : number + 1]))
        for number, row in enumerate(rows)
    ]
    heads = ("image", "truth", "prediction") if predicted else ("image", "mask")
    sheet = draw_sheet(_title(wanted), heads, entries, patches.schema)
    text = PngImagePlugin.PngInfo()
    text.add_text(KEY, key)
    with writing(out), write_beside(out) as temporary:
        sheet.save(temporary, "PNG", pnginfo=text, optimize=True)


def _predicted(inputs: "Inputs", rows: "NDArray[np.int64]") -> "Sequence[NDArray[np.uint8]]":
    """The predicted class ids (H, W) of each patch."""
    import numpy as np

    from terrazzo.evaluation.scoring import probs_of
    from terrazzo.model.bundle import load

    request = inputs.request
    bundle = load(request.model, request.device, request.precision)
    maps: list[NDArray[np.uint8]] = []
    for start in range(0, len(rows), request.batch_size):
        probs = probs_of(bundle, inputs.patches, rows[start : start + request.batch_size], request.views)
        maps.extend(probs.argmax(dim=1).cpu().numpy().astype(np.uint8))
        request.reporter.progress("predicting patches", len(maps), len(rows))
    return maps


def _caption(patches: "Patches", row: "np.int64") -> str:
    at_row, at_col = patches.corners[row].tolist()
    return f"{patches.image_names[patches.image_of[row]]}  row {at_row}, col {at_col}"


def _title(wanted: _Wanted) -> str:
    n_all = int((wanted.patches.sides == wanted.split).sum())
    patches = f"{wanted.patches.path.resolve().name}: {len(wanted.rows)} of {n_all} patches of split {wanted.split}"
    return patches if wanted.inputs is None else f"{patches}, predicted by {wanted.inputs.header.title}"
