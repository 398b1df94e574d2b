"""`terrazzo inspect`: what is in a data set or a model file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import terrazzo
from terrazzo.cli.options import AsJson
from terrazzo.cli.output import emit_json, line, next_command
from terrazzo.errors import PartialError
from terrazzo.system.options import words_of

if TYPE_CHECKING:
    from terrazzo.scenes.inspection import Inspection


def tell(found: "Inspection", *, path: str, as_json: AsJson = False, **given: Any) -> None:
    """Print the description. Raises PartialError where `prepare` would refuse the data."""
    if as_json:
        emit_json(found.to_dict())
    else:
        for text in found.lines():
            line(text)
    if found.refusal is not None and found.accepted_with is None:
        raise PartialError(f"prepare would refuse this: {found.refusal}", found)
    if as_json:
        return
    suffix = Path(path).suffix.lower()
    if suffix in (".safetensors", ".onnx", ".h5"):
        next_command("terrazzo", "predict", path, "IMAGE", "--out", "maps")
    elif suffix != ".pt2":
        if found.value.get("layout") == "raster":
            given = given | {"labels": "LABELS"}
        values = {"data": path, **given, "overwrite": False, "classes": found.accepted_with or given["classes"]}
        values |= {"palette": None} if found.accepted_with else {}
        before = "edit it, then " if found.accepted_with else ""
        next_command("terrazzo", "prepare", *words_of(terrazzo.prepare, values), "--out", "patches", before=before)
