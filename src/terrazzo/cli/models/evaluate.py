"""`terrazzo evaluate`: a model and patches become scores and a report."""

from pathlib import Path
from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import emit_json, line, next_command, reporting, wrote


def evaluate(
    model: Annotated[Path, typer.Argument(help="A model.safetensors.")],
    patches: Annotated[Path, typer.Argument(help="The folder that prepare wrote.")],
    split: Annotated[str, typer.Option(help="train, val or test.")] = "val",
    out: Annotated[Path | None, typer.Option(help="Folder for scores.json and report.html.")] = None,
    batch_size: Annotated[int, typer.Option(help="Patches at a time.")] = 8,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> int:
    """Score a model on one split of patches."""
    import terrazzo

    with reporting(not as_json) as (progress, say):
        done = terrazzo.evaluate(
            model,
            patches,
            split=split,
            out=out,
            batch_size=batch_size,
            device=device,
            precision=precision,
            overwrite=overwrite,
            progress=progress,
            say=say,
        )
    if as_json:
        emit_json(done.scores)
        return 0
    for text in done.lines():
        line(text)
    if out is not None:
        wrote("a finished report", [out / "scores.json", out / "report.html"], done.kept)
    next_command("terrazzo", "predict", model, "IMAGE", "--out", "maps")
    return 0
