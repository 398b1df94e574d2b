"""`terrazzo doctor`: what is installed, what the machine has, and how fast it computes."""

from terrazzo.cli.options import AsJson
from terrazzo.cli.output import emit_json, line
from terrazzo.diagnosis.doctor import Diagnosis


def tell(found: Diagnosis, *, as_json: AsJson = False) -> int:
    """Print the diagnosis; the exit code is 1 where something is wrong."""
    if as_json:
        emit_json(found.to_dict())
    else:
        for text in found.lines():
            line(text)
    return 1 if found.troubles else 0
