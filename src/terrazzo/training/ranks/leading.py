"""What the leading process does for the others: it starts them, hands them the fit, and says what ended one of them."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from terrazzo.errors import InputError, TerrazzoError
from terrazzo.model.normalization import Normalization
from terrazzo.system.files import read_json
from terrazzo.system.reporting import Reporter
from terrazzo.training.ranks.environment import Place, place_in
from terrazzo.training.ranks.group import (
    Job,
    is_lost,
    is_member,
    joined,
    leave,
    refuse_too_many,
    send,
    variables_set,
)
from terrazzo.training.ranks.rank import ALONE, Rank
from terrazzo.training.run_folder import Run

STORE = "meeting"
_LEAVING_SECONDS = 20
_MOST_WORDS = 300


def error_file(folder: Path, number: int) -> Path:
    """Where process `number` writes what ended it."""
    return folder / f"error-{number}.json"


def ready_file(folder: Path, number: int) -> Path:
    """What process `number` writes once it can join the group."""
    return folder / f"ready-{number}"


@contextmanager
def gathered(run: Run, normalization: Normalization | None) -> Iterator[Rank]:
    """The leading rank, with all others about to fit the same; they are started unless torchrun or SLURM did.

    In the block an error of another process is raised as that: InputError with its line, or torch's OutOfMemoryError.
    """
    place = place_in(run.devices, run.nodes)
    if place.count == 1:
        yield ALONE
        return
    job = Job(replace(run, reporter=Reporter()), normalization)
    if place.by is not None:
        send(job)
        try:
            yield Rank(0, place.count)
        except BaseException:
            leave()  # the others wait within the fit, where no message reaches them; the closed connection does
            raise
        return
    with tempfile.TemporaryDirectory(prefix="terrazzo-") as name, _threads(run.devices) as threads:
        crew = Crew.started(Path(name), run, threads)
        try:
            crew.wait()
            with crew.joined():
                send(job)
                yield Rank(0, place.count)
        except Exception as error:
            if isinstance(error, TerrazzoError | torch.OutOfMemoryError) and not is_lost(error):
                raise
            failure = crew.failure()
            if failure is None:
                raise
            raise failure from error
        finally:
            crew.end()


@dataclass(frozen=True)
class Crew:
    """The other processes of a run on this machine, in a folder for what they say."""

    folder: Path
    processes: tuple[subprocess.Popen[bytes], ...]
    device: str

    @classmethod
    def started(cls, folder: Path, run: Run, threads: int) -> "Crew":
        """Processes for all devices of a run but the first, which is that of this process."""
        refuse_too_many(run.device, run.devices)
        processes = []
        for number in range(1, run.devices):
            place = Place(number, run.devices, number)
            words = [sys.executable, "-m", "terrazzo.training.ranks.following", str(folder), run.device]
            with (
                variables_set(place.variables | {"OMP_NUM_THREADS": str(threads)} | _ON_THIS_MACHINE),
                (folder / f"said-{number}").open("wb") as said,
            ):
                processes.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said))
        return cls(folder, tuple(processes), run.device)

    def wait(self) -> None:
        """Return when all can join. Raises the error of one that ended instead."""
        for number, process in enumerate(self.processes, start=1):
            while not ready_file(self.folder, number).exists():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
                    if not ready_file(self.folder, number).exists():
                        raise self.failure() or InputError(f"--devices: process {number + 1} ended at its start")

    @contextmanager
    def joined(self) -> Iterator[None]:
        """This process as the first of the group."""
        with (
            variables_set(_ON_THIS_MACHINE),
            joined(Place(0, len(self.processes) + 1, 0), self.device, self.folder / STORE),
        ):
            yield

    def failure(self) -> Exception | None:
        """What ended one of the processes first; None where none has ended by itself."""
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LEAVING_SECONDS / 4)
        lost = None
        for number, process in enumerate(self.processes, start=1):
            told = read_json(error_file(self.folder, number))
            if told.get("memory"):
                return torch.OutOfMemoryError(told["line"])
            if told and not told["lost"]:
                return self._error(number, f"failed: {told['line']}")
            if not told and process.returncode:
                lost = self._ended(number, process.returncode)
        return lost

    def _ended(self, number: int, code: int) -> InputError:
        """The error of a process that ended without a word."""
        if code < 0:
            how = f"was ended by signal {-code}, most likely because memory ran out; use a smaller --batch-size"
        else:
            said = (self.folder / f"said-{number}").read_text(encoding="utf-8", errors="replace").split("\n")
            last = next((line for line in reversed(said) if line.strip()), "without a word")
            how = f"ended with exit code {code}: {last:.{_MOST_WORDS}}"
        return self._error(number, how)

    def _error(self, number: int, what: str) -> InputError:
        return InputError(f"--devices: process {number + 1} of {len(self.processes) + 1} {what}")

    def end(self) -> None:
        """Wait for all to leave; end those that do not."""
        for process in self.processes:
            try:
                process.wait(_LEAVING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


_ON_THIS_MACHINE = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
"""Without it gloo looks for the machine by its name, which is not known everywhere."""


@contextmanager
def _threads(devices: int) -> Iterator[int]:
    """How many threads each process on this machine gets, set in this one; restored at the end."""
    before = torch.get_num_threads()
    each = max(1, before // devices)
    torch.set_num_threads(each)
    try:
        yield each
    finally:
        torch.set_num_threads(before)


@contextmanager
def leading(run: Run) -> Iterator[list[Path]]:
    """The group that torchrun or SLURM started, for the block. Put the model's path into the list when it is written.

    The others then return it; where there is none, they are told to end. Nothing is done for other runs.
    """
    models: list[Path] = []
    place = place_in(run.devices, run.nodes)
    if place.by is None:
        yield models
        return
    with ExitStack() as stack:
        stack.enter_context(joined(place, run.device))
        try:
            yield models
        finally:
            with suppress(RuntimeError):  # they may have ended themselves
                if is_member():
                    send(models[0] if models else None)
