"""`terrazzo prepare`: images and masks become patches."""

from typing import TYPE_CHECKING

from terrazzo.cli.output import next_command, prose, remark, wrote

if TYPE_CHECKING:
    from terrazzo.patches.prepared import Prepared


def tell(done: "Prepared", *, out: str, recipe: str | None, for_model: str | None) -> None:
    """Print the warnings, the summary and where the patches are."""
    for text in done.lines:
        remark(f"warning: {text}")
    for text in done.summary():
        prose(text)
    wrote("a finished set of patches", [out], done.kept)
    if for_model is not None:
        next_command("terrazzo", "train", out, "--from", for_model, "--recipe", "finetune", "--out", "runs/corrected")
    else:
        next_command("terrazzo", "train", out, "--recipe", recipe or "best", "--out", "runs/first")
