"""A model adapted to new scenes without labels: the public function."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from terrazzo.errors import InputError, ModelFileError, OutputExistsError
from terrazzo.improving.adapted import Adapted
from terrazzo.pixels.bands.reading import Bands, Nodata, Scale, parse_bands, parse_scale
from terrazzo.system.devices import check_compute
from terrazzo.system.extras import need_training
from terrazzo.system.files import digest, refuse_existing
from terrazzo.system.options import RASTERS, Device, Option, Overwrite, Precision
from terrazzo.system.reporting import Progress, Reporter, Say, quiet, silent

if TYPE_CHECKING:
    from terrazzo.model.header import Header

SUFFIX = ".safetensors"
MOST_STEPS = 100_000


def adapt(
    model: Annotated[str | Path, Option("A model.safetensors.")],
    scenes: Annotated[
        str | Path | Sequence[str | Path],
        Option("Images and rasters of the new place, folders of them, and patterns.", many=True),
    ],
    *,
    out: Annotated[str | Path, Option("The adapted model to write, a .safetensors.")],
    steps: Annotated[int | None, Option("Training steps; by the scenes' size if not given, 150 at most.")] = None,
    seed: Annotated[int, Option("Decides order and augmentation.")] = 0,
    device: Device = "auto",
    precision: Precision = "auto",
    bands: Bands = None,
    scale: Scale = None,
    nodata: Nodata = None,
    resample: Annotated[bool, Option("Read at the resolution of the model's training.", RASTERS)] = False,
    overwrite: Overwrite = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Adapted:
    """Adapt a model to scenes of a new place, without labels.

    The model learns to map the scenes alike however they are shown: mirrored, turned, in other light, at other scales.
    About a fifth of each scene is never trained on: it is the guard. Training ends early, with the last state before,
    where agreement with the start model's confident pixels there falls below 0.9, or a class loses half of its share.

    The adapted model has the start model's classes and input, and a lineage with the hashes of what it was made from.
    The same command resumes killed work, and a finished model of the same inputs and options is kept, unless
    `overwrite`.

    Raises InputError (arguments, scenes that are too small or without a confident pixel), ImageError, ModelFileError,
    OutputExistsError.
    """
    started = time.monotonic()
    need_training("adapt")
    check_compute(device, precision)
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise InputError(f"--steps {steps}: expected 1 to {MOST_STEPS}")
    if not 0 <= seed < 2**31:
        raise InputError(f"--seed {seed}: expected 0 to {2**31 - 1}")
    asked = {"bands": parse_bands(bands), "scale": parse_scale(scale), "nodata": nodata, "resample": resample}
    source, target = Path(model), Path(out)
    header = _check_model(source)
    _check_out(target, source)
    from terrazzo.improving.scenes import find_scenes, sha256_of
    from terrazzo.system.machine import library_versions

    files = find_scenes([scenes] if isinstance(scenes, str | Path) else scenes, target, say)
    parent, hashes = sha256_of(source), [sha256_of(file.path) for file in files]
    words = {**asked, "steps": steps, "seed": seed, "device": device, "precision": precision}
    key = digest("adapt", parent, *hashes, repr(words), repr(library_versions()))
    if not overwrite and (kept := _finished(target, key)) is not None:
        return kept
    refuse_existing(target, "an adapted model", overwrite)
    from terrazzo.improving.run import Job, run

    job = Job(source, header, files, hashes, parent, key, target, steps, seed, device, precision, asked)
    step = run(job, Reporter(progress, say))
    return Adapted(target, False, step, (time.monotonic() - started) / 60)


def _check_model(path: Path) -> "Header":
    """The header of a model that can be adapted. Raises InputError or ModelFileError."""
    from terrazzo.model.exporting.formats import format_of
    from terrazzo.model.header import read_header

    if format_of(path) is not None:
        raise InputError(
            f"{path}: is an export; adapt takes the .safetensors that it was exported from; "
            f"give that, as {path.with_suffix(SUFFIX).name}"
        )
    header = read_header(path)
    if header.fit == "resize":
        raise InputError(
            f"{path}: sees whole images resized to {header.patch_size} px (--fit resize), and adapt needs windows; "
            "give a model of patches"
        )
    return header


def _check_out(out: Path, model: Path) -> None:
    """Raise InputError or OutputExistsError unless an adapted model can be written at `out`."""
    if out.suffix.lower() != SUFFIX:
        raise InputError(f"--out {out}: expected a name that ends in {SUFFIX}")
    if out.is_dir():
        raise OutputExistsError(f"{out}: is a folder; --out takes the name of a file")
    if out.exists() and out.resolve() == model.resolve():
        raise OutputExistsError(f"{out}: is the model itself; choose another --out")


def _finished(out: Path, key: str) -> Adapted | None:
    """The finished model at `out`, if it was made from the same inputs and options."""
    from terrazzo.model.header import read_header

    try:
        header = read_header(out)
    except (InputError, ModelFileError):
        return None
    return Adapted(out, True, header.lineage[-1]) if header.key == key and header.lineage else None
