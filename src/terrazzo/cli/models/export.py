"""`terrazzo export`: a model file in the forms that other programs read."""

from pathlib import Path
from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import line, next_command, note, wrote


def export(
    model: Annotated[Path, typer.Argument(help="A model.safetensors.")],
    format: Annotated[str, typer.Option(help="onnx, h5 or pt2.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Take any height and width that are multiples of 32.")
    ] = False,
    resolution: Annotated[
        float | None, typer.Option(help="Ground resolution of the images that the model is for, in cm a pixel.")
    ] = None,
    overwrite: options.Overwrite = False,
) -> int:
    """Write a model as ONNX, HDF5 or torch.export, and check that it computes the same."""
    import terrazzo

    done = terrazzo.export(
        model, format=format, out=out, dynamic=dynamic, resolution=resolution, overwrite=overwrite, say=note
    )
    if done.difference is not None:
        line(f"parity: probabilities differ by {done.difference:.1e} at most, float32, random input (allowed: 1e-04)")
    wrote("an export", [done.path], done.kept)
    next_command("terrazzo", "inspect", done.path)
    return 0
