"""`terrazzo sample`: a finished map becomes points for people to label."""

from terrazzo.cli.output import line, next_command, wrote
from terrazzo.evaluation.map_accuracy.sample import Sampled


def tell(done: Sampled, *, map: str) -> None:
    """Print what was drawn, and what to do with it."""
    for text in done.lines():
        line(text)
    wrote("a sample", [done.path], done.kept)
    next_command("terrazzo", "evaluate", map, "--truth", done.path, before="fill in `reference` (in QGIS), then ")
