"""`terrazzo inspect`: what is in a data set or a model file."""

from pathlib import Path
from typing import Annotated

import typer

from terrazzo.cli import options
from terrazzo.cli.output import emit_json, error_line, line, next_command, reporting


def inspect(
    path: Annotated[
        Path,
        typer.Argument(
            help="A folder or .zip with images and masks; a model.safetensors; rasters (.tif), with LABELS."
        ),
    ],
    labels: options.Labels = None,
    layout: options.Layout = None,
    classes: options.Classes = None,
    unpaired: options.Unpaired = "error",
    bad: options.Bad = "error",
    unknown: options.Unknown = "error",
    ignore_class: options.IgnoreClass = None,
    patch_size: options.PatchSize = 256,
    fit: options.Fit = "crop",
    downsample: options.Downsample = 1.0,
    ignore_value: options.IgnoreValue = None,
    class_field: options.ClassField = None,
    layer: options.Layer = None,
    write_classes: Annotated[Path | None, typer.Option(help="Write a table of the classes found, to edit.")] = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> int:
    """Say what is in a data set or a model file; exits 1 where `prepare` would refuse it."""
    import terrazzo
    from terrazzo.patches.options import PatchOptions
    from terrazzo.scenes.contract.options import LabelOptions

    with reporting(not as_json) as (progress, _):
        found = terrazzo.inspect(
            path,
            labels,
            layout=layout,
            classes=classes,
            unpaired=unpaired,
            bad=bad,
            unknown=unknown,
            ignore_class=ignore_class or (),
            patch_size=patch_size,
            fit=fit,
            downsample=downsample,
            ignore_value=ignore_value or (),
            class_field=class_field,
            layer=layer,
            write_classes=write_classes,
            overwrite=overwrite,
            progress=progress,
        )
    if as_json:
        emit_json(found.to_dict())
    else:
        for text in found.lines():
            line(text)
    if found.refusal is not None and found.accepted_with is None:
        error_line(f"prepare would refuse this: {found.refusal}")
        return 1
    if not as_json:
        if path.suffix.lower() in (".safetensors", ".onnx", ".h5"):
            next_command("terrazzo", "predict", path, "IMAGE", "--out", "maps")
        elif path.suffix.lower() != ".pt2":
            table, ignored = found.accepted_with or classes, tuple(ignore_class or ())
            given = LabelOptions(
                layout=layout,
                classes=table,
                unpaired=unpaired,
                bad=bad,
                unknown=unknown,
                ignore_class=ignored,
                downsample=downsample,
                ignore_value=tuple(ignore_value or ()),
            )
            scenes = [labels] if labels is not None else []
            field = ["--class-field", class_field] if class_field is not None else []
            field += ["--layer", layer] if layer is not None else []
            first = "edit it, then " if found.accepted_with else ""
            words = [*given.words(), *PatchOptions(patch_size, fit).words()]
            next_command("terrazzo", "prepare", path, *scenes, *field, *words, "--out", "patches", before=first)
    return 0
