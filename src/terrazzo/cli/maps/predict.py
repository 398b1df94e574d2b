"""`terrazzo predict`: images become maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.cli.output import line, next_command, prose, wrote
from terrazzo.maps.predict import Maps

if TYPE_CHECKING:
    from terrazzo.maps.rasters.batch import RasterMap


def tell(done: Maps, *, model: str, inputs: Sequence[str], dry_run: bool) -> None:
    """Print what was mapped, or with --dry-run what it would take."""
    if dry_run:
        _tell_plan(done)
        return
    _tell_maps(done)
    if done.n_failed:
        return
    from terrazzo.maps.models import models_among
    from terrazzo.system.extras import installed

    file, *others = models_among(model, inputs)[0]
    if file.suffix == ".safetensors" and not others and installed("torch"):
        next_command("terrazzo", "export", file, "--format", "onnx", "--out", file.with_suffix(".onnx"))
    else:
        next_command("terrazzo", "inspect", file)


def _tell_maps(done: Maps) -> None:
    """What was mapped, what was kept, and the files."""
    from terrazzo.system.reporting import how_many

    if done.kept:
        kept = how_many(len(done.kept), "finished map")
        line(f"kept {kept} of the same image, model and options (--overwrite makes them anew)")
    if done.written or done.n_failed:
        n_images = len(done.written) + len(done.kept) + done.n_failed
        line(f"mapped {how_many(len(done.written), 'image')} of {n_images}")
    for found in done.rasters:
        _tell(found)
    if done.pictures is not None and done.pictures.written:
        folder = done.pictures.out
        overlays = [folder / name.parent / f"{name.stem}_overlay.jpg" for name in map(Path, done.pictures.written)]
        shared = [folder / "areas.csv", folder / "legend.png"] if done.areas else []  # written after the last photo
        wrote("maps", [*shared, *overlays[:3]])


def _tell_plan(found: Maps) -> None:
    """What would be made, and what it would take."""
    from terrazzo.system.reporting import how_many

    for plan in found.planned:
        for words in plan.lines:
            prose(words)
    if found.planned_pictures:
        line(f"pictures: {how_many(found.planned_pictures, 'image')} to map into {found.out}")
    line("nothing was written; the same command without --dry-run makes the maps")


def _tell(found: "RasterMap") -> None:
    """The files of a raster's map, and how fast it was made."""
    outputs = found.record["outputs"]
    if found.kept:
        prose(f"at {found.folder}: {', '.join(outputs)}")
        return
    speed, memory = found.record["mpx_per_s"], found.record["peak_rss_mb"]
    prose(f"wrote {found.folder}: {', '.join(outputs)} ({speed:.2f} Mpx/s, at most {memory:.0f} MB)")
