"""What every process but the leading one does: it takes part in the fits that the leader asks for, and writes nothing.

    python -m terrazzo.training.ranks.following FOLDER DEVICE

is how the leader starts one, with its place in the environment. What ends it is written into FOLDER.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import torch

from terrazzo.errors import InputError
from terrazzo.patches.folder import open_patches
from terrazzo.system.files import write_json, write_text
from terrazzo.system.reporting import Reporter, first_line
from terrazzo.training.choices import first_network
from terrazzo.training.fit import compute_for, fit
from terrazzo.training.ranks.environment import Place
from terrazzo.training.ranks.group import Job, is_lost, joined, own_device, receive
from terrazzo.training.ranks.leading import STORE, error_file, ready_file
from terrazzo.training.ranks.rank import Rank
from terrazzo.training.starting.begun import begin
from terrazzo.training.starting.weights import started_network


def take_part(job: Job, place: Place) -> None:
    """Train beside the leader. The network gets the leader's weights."""
    run = job.run
    patches, begun = open_patches(run.patches), None
    if run.start is not None:
        begun = begin(run.start, patches, run.keep, Reporter())
        patches = begun.patches
    if begun is None:
        network = first_network(patches, run.recipe, job.normalization)
    else:
        network = started_network(begun, run.recipe.train.seed)
    compute = compute_for(run.recipe, own_device(run.device, place))
    fit(network, run, patches, compute, begun, Rank(place.number, place.count))


def follow(place: Place, device: str) -> Path:
    """The model that the leader wrote. For processes that torchrun or SLURM started.

    Raises InputError where the leader has none: it says why itself.
    """
    gone = InputError("the leading process of this run ended; its own line says why")
    try:
        with joined(place, device):
            while isinstance(message := receive(), Job):
                take_part(message, place)
    except RuntimeError as error:
        if is_lost(error):
            raise gone from error
        raise
    if not isinstance(message, Path):
        raise gone
    return message


def main(folder: Path, device: str) -> int:
    """Take part in one fit of the leader that started this process; its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the leader ends this one
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    number, count, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    place = Place(number, count, local)
    try:
        write_text(ready_file(folder, place.number), "")
        with joined(place, device, folder / STORE):
            take_part(receive(), place)
    except Exception as error:
        memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
        told = {"line": first_line(error), "memory": memory, "lost": is_lost(error)}
        write_json(error_file(folder, place.number), told)
        return 1
    return 0


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone, which could not do it."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
