"""`terrazzo evaluate`: a model and patches, or a map and its truth, become scores and a report."""

from pathlib import Path

from terrazzo.cli.options import AsJson
from terrazzo.cli.output import emit_json, line, next_command, wrote
from terrazzo.evaluation.evaluate import Evaluation
from terrazzo.evaluation.map_accuracy.accuracy import MapAccuracy
from terrazzo.evaluation.report_folder import DEGRADE, REPORT, SCORES


def tell(done: Evaluation | MapAccuracy, *, model: str, out: str | None, as_json: AsJson = False) -> None:
    """Print the scores and where the report is."""
    if as_json:
        emit_json(done.scores)
        return
    for text in done.lines():
        line(text)
    if isinstance(done, MapAccuracy):
        wrote("a finished report", done.files, done.kept)
        return
    if out is not None:
        names = (SCORES, REPORT, *([DEGRADE] if "degrade" in done.scores else []))
        wrote("a finished report", [Path(out) / name for name in names], done.kept)
    next_command("terrazzo", "predict", model, "IMAGE", "--out", "maps")
