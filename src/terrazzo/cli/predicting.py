"""`terrazzo predict`: images become maps."""

from pathlib import Path
from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import line, next_command, reporting, wrote


def predict(
    model: Annotated[Path, typer.Argument(help="A model.safetensors, or an .onnx or .h5 that export wrote.")],
    inputs: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    out: Annotated[Path, typer.Option(help="Folder for the maps.")],
    window: Annotated[int | None, typer.Option(help="Side of the windows in pixels, a multiple of 32.")] = None,
    overlap: Annotated[int | None, typer.Option(help="Overlap of neighbouring windows in pixels.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Windows at a time.")] = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    overwrite: options.Overwrite = False,
) -> int:
    """Map the classes of images: a paletted PNG, an overlay and areas for each."""
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
            overwrite=overwrite,
            progress=progress,
            say=say,
        )
    if done.kept:
        line(f"kept {len(done.kept)} finished maps of the same image, model and options (--overwrite makes them anew)")
    line(f"mapped {len(done.written)} images of {len(done.areas)}")
    wrote("maps", [out / "areas.csv", out / "legend.png", *sorted(out.rglob("*_overlay.jpg"))[:3]])
    if model.suffix == ".safetensors":
        next_command("terrazzo", "export", model, "--format", "onnx", "--out", model.with_suffix(".onnx"))
    else:
        next_command("terrazzo", "inspect", model)
    return 0
