"""`terrazzo train`: patches become a model."""

from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.cli.output import next_command, note, prose, wrote

if TYPE_CHECKING:
    from terrazzo.training.run import Trained


def tell(done: "Trained", *, patches: str, out: str, devices: int, nodes: int) -> int:
    """Print the scores, where the model is and what comes next; the exit code is 130 after Ctrl-C.

    Of several processes that torchrun or SLURM started the first alone prints.
    """
    from terrazzo.patches.folder import open_patches
    from terrazzo.training.ranks.environment import place_in
    from terrazzo.training.train import patches_of

    if place_in(devices, nodes).number:
        return 0
    for text in done.summary():
        prose(text)
    wrote("a finished run", [done.model], done.kept)
    if done.interrupted:
        note("stopped by Ctrl-C: the model is the best so far; the same command with --resume resumes the run")
    scored, header = patches_of(Path(patches), Path(out)), done.header
    if header.training_data.n_val and open_patches(scored).schema.names == header.schema.names:
        next_command("terrazzo", "evaluate", done.model, scored, "--split", "val", "--out", Path(out) / "report")
    else:  # nothing is held out, or the patches have the ids of other classes
        next_command("terrazzo", "predict", done.model, "IMAGE", "--out", "maps")
    return 130 if done.interrupted else 0
