"""`terrazzo average`: several models become one."""

from terrazzo.cli.output import line, next_command, wrote
from terrazzo.evaluation.average import Averaged


def tell(done: Averaged, *, patches: str | None) -> None:
    """Print the scores and where the model is."""
    for text in done.lines():
        line(text)
    wrote("an average", [done.path], done.kept)
    if patches is None:
        next_command("terrazzo", "predict", done.path, "IMAGE", "--out", "maps")
    else:
        next_command("terrazzo", "evaluate", done.path, patches, "--split", "val")
