"""`terrazzo average`: several models become one."""

from pathlib import Path

from terrazzo.cli.output import line, next_command, wrote
from terrazzo.evaluation.average import Averaged


def tell(done: Averaged, *, patches: str | None) -> None:
    """Print the scores and where the model is."""
    for text in done.lines():
        line(text)
    wrote("an average", [done.path], done.kept)
    if patches is not None and _has_test(Path(patches)):
        next_command("terrazzo", "evaluate", done.path, patches, "--split", "test")
    else:  # validation patches have judged the average already
        next_command("terrazzo", "predict", done.path, "IMAGE", "--out", "maps")


def _has_test(patches: Path) -> bool:
    from terrazzo.patches.folder import open_patches

    return bool((open_patches(patches).sides == "test").any())
