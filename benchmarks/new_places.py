"""Maps of places that training has not seen: methods compared on tiles of the Dubai set that are left out.

    python -m benchmarks.new_places DATA --steps 600 --methods best,sampler_groups --seeds 0 1 2
    python -m benchmarks.new_places --list       # the methods, and which of them this version lacks
    python -m benchmarks.new_places --table      # means, the spread over seeds, and differences to `best`
    python -m benchmarks.new_places --page       # the same table into docs/explanation/new-places.md
    python -m benchmarks.new_places --merge FILE # rows that another machine measured

Three folds leave out two tiles each: 1 and 8, 2 and 7, 4 and 5. For each the four others are cut into patches, of which
blocks of about 10 % choose the epoch. The two left out are mapped as whole scenes by `terrazzo.predict`, and seen by
nothing but the last score: one confusion matrix over both. A class that a fold's truth lacks is left out of its means.

A row of docs/experiments.csv is one (method, seed, fold, schedule, device). It is appended as it finishes; rows that
stand there are skipped. A killed command goes on when it is given again: runs, adapted models and maps are taken up.
`a+b` is two methods at once. `random_patches` scores patches at random of all tiles instead (leaky).

`--steps` is rounded up to whole epochs. Rows of different devices or schedules are never compared.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.places.folds import FOLDS, Places
from benchmarks.places.measure import Plan, Schedule, Task, missing_for, tasks_of
from benchmarks.places.methods import METHODS, methods_of
from benchmarks.places.queue import machine_of, measure_all
from benchmarks.places.rows import keys_in, merge, read_rows
from benchmarks.places.table import table, write_page
from terrazzo import __version__
from terrazzo.errors import InputError, TerrazzoError

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "experiments.csv"
PAGE = ROOT / "docs" / "explanation" / "new-places.md"


def rows_to_measure(tasks: Sequence[Task], plan: Plan) -> list[Task]:
    """The rows that do not stand in the table and that this version can measure; the others are named."""
    there = keys_in(plan.out)
    lacking: dict[str, str] = {}
    left = []
    for task in tasks:
        if task.key(plan) in there:
            print(f"{task.title}: stands in {plan.out}, skipped")
        elif why := missing_for(task, plan):
            lacking[task.method.name] = why
        else:
            left.append(task)
    for name, why in lacking.items():
        print(f"{name}: not in this version, skipped ({why})")
    return left


def measure_rows(tasks: Sequence[Task], plan: Plan, jobs: int = 1) -> int:
    """Measure what is to be measured; 1 if a row failed, else 0."""
    return int(measure_all(rows_to_measure(tasks, plan), plan, jobs) > 0)


def version() -> str:
    """The version, and the commit where the sources are a checkout; `+` where files differ from it."""
    git = shutil.which("git")
    if git is None:
        return __version__
    words = [git, "-C", str(ROOT), "describe", "--always", "--dirty=+"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    return f"{__version__} {found.stdout.strip()}".strip()


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="the Dubai data set: a folder with folders Tile N")
    parser.add_argument("--methods", nargs="+", default=["best"], help="names, several at once joined by +")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--folds", nargs="+", default=list(FOLDS), help="tiles left out together: 1+8 2+7 4+5")
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--steps", type=int, help="steps of the optimizer, up to whole epochs; the recipe's epochs if not given"
    )
    length.add_argument("--epochs", type=int, help="epochs, for random_patches above all")
    parser.add_argument("--out", type=Path, default=TABLE, help="the table that rows are appended to")
    parser.add_argument("--work", type=Path, default=Path("new-places"), help="folder for patches, runs and maps")
    parser.add_argument("--jobs", type=int, default=1, help="rows at a time, in processes of their own")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--version", default=None, help="what the rows say of the version, where there is no git")
    parser.add_argument("--merge", type=Path, help="append the rows of another machine's table")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--page", action="store_true")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, or print the table; the exit status."""
    options = parsed(words)
    if options.merge:
        print(f"{options.out}: {merge(options.out, options.merge)} rows added from {options.merge}")
    if options.page:
        write_page(PAGE, read_rows(options.out))
    if options.table:
        print(table(read_rows(options.out)))
    if options.merge or options.page or options.table:
        return 0
    plan = Plan(
        Places(options.data or Path(), options.work),
        options.out,
        Schedule(options.steps, options.epochs),
        options.device,
        version=options.version or version(),
    )
    if options.list:
        for name, method in METHODS.items():
            why = missing_for(Task(method, "0", FOLDS[0]), plan)
            print(f"{name:16} {method.words}" + (f"  [not in this version: {why}]" if why else ""))
        return 0
    if options.data is None:
        raise InputError("DATA: is missing; give the folder of the Dubai data set")
    machine, precision = machine_of(options.device)
    plan = replace(plan, machine=machine, precision=precision)
    for fold in options.folds:
        plan.places.left_out(fold)
    tasks = tasks_of(methods_of(options.methods), options.seeds, options.folds)
    return measure_rows(tasks, plan, options.jobs)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TerrazzoError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
