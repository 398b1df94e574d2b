"""`terrazzo predict`: images become maps."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import line, next_command, reporting, wrote

if TYPE_CHECKING:
    from terrazzo.orthomosaics.batch import RasterMap

RASTERS = "Rasters (.tif, .tiff, .jp2, .vrt)"


def predict(
    model: Annotated[Path, typer.Argument(help="A model.safetensors, or an .onnx or .h5 that export wrote.")],
    inputs: Annotated[list[Path], typer.Argument(help="Images and rasters, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the maps.")],
    window: Annotated[int | None, typer.Option(help="Side of the windows in pixels, a multiple of 32.")] = None,
    overlap: Annotated[int | None, typer.Option(help="Overlap of neighbouring windows in pixels.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Windows at a time.")] = None,
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
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Throw away the unfinished work of another run.", rich_help_panel=RASTERS),
    ] = False,
    overwrite: options.Overwrite = False,
) -> int:
    """Map the classes of images: a paletted PNG, an overlay and areas of pictures; GeoTIFFs of rasters."""
    import terrazzo

    with reporting() as (progress, say):
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
            confidence=confidence,
            probabilities=probabilities,
            tta=tta,
            vector_format=vector_format,
            mapping_unit=mapping_unit,
            restart=restart,
            overwrite=overwrite,
            progress=progress,
            say=say,
        )
    if done.kept:
        line(f"kept {len(done.kept)} finished maps of the same image, model and options (--overwrite makes them anew)")
    line(f"mapped {len(done.written)} images of {len(done.written) + len(done.kept)}")
    for found in done.rasters:
        _tell(found)
    if done.pictures is not None:
        wrote("maps", [out / "areas.csv", out / "legend.png", *sorted(out.rglob("*_overlay.jpg"))[:3]])
    if model.suffix == ".safetensors":
        next_command("terrazzo", "export", model, "--format", "onnx", "--out", model.with_suffix(".onnx"))
    else:
        next_command("terrazzo", "inspect", model)
    return 0


def _tell(found: "RasterMap") -> None:
    """The files of a raster's map, and how fast it was made."""
    outputs = found.record["outputs"]
    if found.kept:
        line(f"at {found.folder}: {', '.join(outputs)}")
        return
    speed, memory = found.record["mpx_per_s"], found.record["peak_rss_mb"]
    line(f"wrote {found.folder}: {', '.join(outputs)} ({speed:.2f} Mpx/s, at most {memory:.0f} MB)")
