"""Time and memory of `prepare`, imports apart.

    python -m benchmarks.preparation DATA

Peak memory is the largest resident set of the process (it starts no others); the maps are written, not mapped, so no
page of them counts.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import terrazzo
import terrazzo.patches.from_pictures


def main() -> None:
    """Prepare once into a temporary folder and print what it took."""
    parser = argparse.ArgumentParser(description="Seconds and megabytes of terrazzo.prepare.")
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        done = terrazzo.prepare(options.data, out=Path(folder) / "patches")
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"patches": len(done.patches), "seconds": round(seconds, 2), "peak_mb": round(peak)}))


if __name__ == "__main__":
    main()
