"""`terrazzo show`: patches as a picture."""

from pathlib import Path

from terrazzo.cli.output import next_command, wrote
from terrazzo.evaluation.show import Gallery


def tell(done: Gallery, *, patches: str, model: str | None) -> None:
    """Print where the picture is."""
    wrote("a picture", [done.path], done.kept)
    if model is None:
        next_command("terrazzo", "train", patches, "--recipe", "best", "--out", "runs/first")
    else:
        next_command("terrazzo", "evaluate", model, patches, "--out", Path(model).parent / "report")
