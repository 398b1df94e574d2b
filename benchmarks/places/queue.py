"""Rows one after another, or several at a time in worker processes that import torch once."""

import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from pathlib import Path

from benchmarks.places.measure import Plan, Task, measure
from terrazzo.errors import StoppedError, TerrazzoError
from terrazzo.system.reporting import first_line


def measure_all(tasks: Sequence[Task], plan: Plan, jobs: int = 1) -> int:
    """Measure rows, `jobs` at a time; how many failed. A failed row does not stop the others.

    Law: no two rows train the same run at once. The second is taken up when the first is finished and its run is there.
    """
    if jobs == 1:
        found = [attempt(task, plan) for task in tasks]
    else:
        context = multiprocessing.get_context("spawn")
        threads = max(1, (os.cpu_count() or 1) // jobs)
        with ProcessPoolExecutor(jobs, context, _settle, (threads,)) as pool:
            found = _in_turn(tasks, jobs, lambda task: pool.submit(attempt, task, plan))
    return sum(why is not None for why in found)


def attempt(task: Task, plan: Plan) -> str | None:
    """Measure a row; why it failed, in a line that is printed at once, or None.

    An error that is not ours is printed as a whole. StoppedError is raised, as Ctrl-C ends the command.
    """
    try:
        measure(task, plan, partial(print, flush=True))
        return None
    except StoppedError:
        raise
    except TerrazzoError as error:
        why = str(error)
    except Exception as error:
        traceback.print_exc()
        why = f"{type(error).__name__}: {first_line(error)}"
    print(f"{task.title}: failed: {why}", file=sys.stderr, flush=True)
    return why


def next_task(waiting: Sequence[Task], busy: Sequence[Task]) -> Task | None:
    """The first row that needs no run which a busy one may be training; None if all do."""
    in_training = frozenset().union(*(task.runs() for task in busy))
    return next((task for task in waiting if not task.runs() & in_training), None)


def _in_turn(tasks: Sequence[Task], jobs: int, submit: Callable[[Task], "Future[str | None]"]) -> list[str | None]:
    """Why each row failed, or None; submitted so that at most `jobs` run and none waits for another."""
    waiting, running = list(tasks), dict[Future[str | None], Task]()
    trained: set[tuple[str, int, str]] = set()
    found: list[str | None] = []
    while waiting or running:
        busy = [task for task in running.values() if not task.runs() <= trained]
        while len(running) < jobs and (task := next_task(waiting, busy)) is not None:
            waiting.remove(task)
            running[submit(task)] = task
            busy += [] if task.runs() <= trained else [task]
        for done in wait(running, return_when=FIRST_COMPLETED).done:
            task = running.pop(done)
            found.append(done.result())
            trained |= task.runs()
    return found


def _settle(threads: int) -> None:
    """Give a worker its share of the cores, and end it when the process that started it is gone."""
    import torch

    torch.set_num_threads(threads)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def machine_of(device: str) -> tuple[str, str]:
    """The model of the CPU or GPU that a device is, and the precision that is chosen there."""
    from terrazzo.model.hardware import choose

    compute = choose(device)
    if compute.device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(compute.device), compute.precision
    return cpu_model() if compute.device.type == "cpu" else str(compute.device), compute.precision


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The name of the CPU's model, as the system tells it."""
    import platform

    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
