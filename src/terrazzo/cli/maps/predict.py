"""`terrazzo predict`: images become maps."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import line, next_command, reporting, wrote

if TYPE_CHECKING:
    from terrazzo.maps.predict import Maps
    from terrazzo.maps.rasters.batch import RasterMap

RASTERS = "Rasters (.tif, .tiff, .jp2, .vrt)"


def predict(
    model: Annotated[Path, typer.Argument(help="A model.safetensors, or an .onnx or .h5 that export wrote.")],
    inputs: Annotated[
        list[str],
        typer.Argument(help="Images and rasters, folders of them, patterns, and addresses of rasters on the web."),
    ],
    out: Annotated[str, typer.Option(help="Folder for the maps; for rasters also a store: s3://bucket/maps.")],
    window: Annotated[int | None, typer.Option(help="Side of the windows in pixels, a multiple of 32.")] = None,
    overlap: Annotated[int | None, typer.Option(help="Overlap of neighbouring windows in pixels.")] = None,
    batch_size: Annotated[
        str | None, typer.Option("--batch-size", "--batch", help="Windows at a time; auto: what suits the device.")
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    bands: Annotated[
        str | None, typer.Option(help="Bands to read, by number or name: 3,2,1.", rich_help_panel=RASTERS)
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(help="LOW,HIGH: the stored values that become 0 and 255.", rich_help_panel=RASTERS),
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option(help="Refuse larger rasters; 20 gigapixels if not given.", rich_help_panel=RASTERS)
    ] = None,
    resample: Annotated[
        bool,
        typer.Option(
            "--resample",
            help="Read at the resolution of the model's training; the map keeps the raster's grid.",
            rich_help_panel=RASTERS,
        ),
    ] = False,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Also confidence.tif, 0 to 100 %.", rich_help_panel=RASTERS)
    ] = False,
    probabilities: Annotated[
        bool,
        typer.Option("--probabilities", help="Also probabilities.tif, a band a class.", rich_help_panel=RASTERS),
    ] = False,
    tta: Annotated[
        str,
        typer.Option(help="none, flips or d4: look at 1, 4 or 8 mirror images.", rich_help_panel=RASTERS),
    ] = "none",
    vector_format: Annotated[
        str, typer.Option(help="Polygons of rasters: gpkg, geojson, parquet or none.", rich_help_panel=RASTERS)
    ] = "gpkg",
    mapping_unit: Annotated[
        int,
        typer.Option(help="Areas of fewer pixels join a neighbour in the polygons.", rich_help_panel=RASTERS),
    ] = 1,
    zones: Annotated[
        Path | None,
        typer.Option(help="areas.csv by the polygons of this .gpkg, .geojson or .shp.", rich_help_panel=RASTERS),
    ] = None,
    zone_field: Annotated[
        str | None, typer.Option(help="The field that names the zones.", rich_help_panel=RASTERS)
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(help="Memory that it may take, as in 4GB; smaller pieces take less.", rich_help_panel=RASTERS),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="Who computes: local (this process) or dask.", rich_help_panel=RASTERS)
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(help="Processes of --engine dask here; half the cores if not given.", rich_help_panel=RASTERS),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="An existing Dask cluster for --engine dask: tcp://host:8786.", rich_help_panel=RASTERS),
    ] = None,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Throw away the unfinished work of another run.", rich_help_panel=RASTERS),
    ] = False,
    overwrite: options.Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take in memory, time and disk; write nothing.")
    ] = False,
) -> int:
    """Map the classes of images: a paletted PNG, an overlay and areas of pictures; GeoTIFFs of rasters."""
    import terrazzo
    from terrazzo.errors import PartialError

    failed = None
    with reporting() as (progress, say):
        try:
            done = terrazzo.predict(
                model,
                inputs,
                out=out,
                window=window,
                overlap=overlap,
                batch_size=batch_size,
                device=device,
                precision=precision,
                bands=bands,
                scale=scale,
                max_pixels=max_pixels,
                resample=resample,
                confidence=confidence,
                probabilities=probabilities,
                tta=tta,
                vector_format=vector_format,
                mapping_unit=mapping_unit,
                zones=zones,
                zone_field=zone_field,
                max_memory=max_memory,
                engine=engine,
                workers=workers,
                scheduler=scheduler,
                restart=restart,
                overwrite=overwrite,
                dry_run=dry_run,
                progress=progress,
                say=say,
            )
        except PartialError as error:
            done, failed = error.done, error
    if dry_run:
        _tell_plan(done)
        return 0
    _tell_maps(done)
    if failed is not None:
        raise failed
    if model.suffix == ".safetensors":
        next_command("terrazzo", "export", model, "--format", "onnx", "--out", model.with_suffix(".onnx"))
    else:
        next_command("terrazzo", "inspect", model)
    return 0


def _tell_maps(done: "Maps") -> None:
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
    if done.pictures is not None:
        folder = done.pictures.out
        wrote("maps", [folder / "areas.csv", folder / "legend.png", *sorted(folder.rglob("*_overlay.jpg"))[:3]])


def _tell_plan(found: "Maps") -> None:
    """What would be made, and what it would take."""
    from terrazzo.system.reporting import how_many

    for plan in found.planned:
        for words in plan.lines:
            line(words)
    if found.planned_pictures:
        line(f"pictures: {how_many(found.planned_pictures, 'image')} to map into {found.out}")
    line("nothing was written; the same command without --dry-run makes the maps")


def _tell(found: "RasterMap") -> None:
    """The files of a raster's map, and how fast it was made."""
    outputs = found.record["outputs"]
    if found.kept:
        line(f"at {found.folder}: {', '.join(outputs)}")
        return
    speed, memory = found.record["mpx_per_s"], found.record["peak_rss_mb"]
    line(f"wrote {found.folder}: {', '.join(outputs)} ({speed:.2f} Mpx/s, at most {memory:.0f} MB)")
