"""How long the command line takes before it works: `--help` and refusals, beside an import of typer and rich.

    python -m benchmarks.startup [--runs 7]

CPU seconds (user and system) of a whole process, the least of several runs. Seconds differ from one machine to the
next by a factor of three; the ratios to the import in the same run hardly do.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

REFERENCE = ("-c", "import typer, rich.console")
COMMANDS = (
    "--help",
    "predict --help",
    "prepare nowhere --out new",
    "train nowhere --out new",
    "evaluate nowhere.safetensors patches",
    "predict nowhere.safetensors photo.png --out maps",
)


def cpu_seconds(words: tuple[str, ...], folder: Path) -> float:
    """User and system seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a line a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    measured = {"import typer, rich": REFERENCE}
    measured |= {f"terrazzo {words}": ("-m", "terrazzo.cli", *words.split()) for words in COMMANDS}
    least = dict.fromkeys(measured, float("inf"))
    with tempfile.TemporaryDirectory() as name:
        for _ in range(runs):  # in turn, so that a busy minute hits all alike
            for title, words in measured.items():
                least[title] = min(least[title], cpu_seconds(words, Path(name)))
    reference = least["import typer, rich"]
    print(f"{os.cpu_count()} CPUs, least of {runs} runs")
    print(f"{'command':52} {'CPU s':>6} {'ratio':>6}")
    for title, seconds in least.items():
        print(f"{title:52} {seconds:6.2f} {seconds / reference:6.2f}")


if __name__ == "__main__":
    main()
