"""What an improvement reads and others may change or remove while it waits and runs: corrections, and the map before.

Both are copied into the job's folder when a worker begins, on this machine or another. Law: whoever goes on with the
job later reads the same.
"""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.maps.pieces.sums import CLASSES
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.system.files import write_beside


@dataclass(frozen=True)
class KeptInputs:
    """The copies in the folder of a job."""

    folder: Path

    @property
    def corrections(self) -> Path:
        """The corrections as they were when the job began."""
        return self.folder / "corrections.geojson"

    @property
    def old_map(self) -> Path:
        """The classes of the map that is corrected."""
        return self.folder / "before.tif"

    @property
    def whole(self) -> bool:
        """Whether the job has begun, so that both are there."""
        return self.corrections.is_file() and self.old_map.is_file()

    def keep(self, assignment: Assignment) -> None:
        """Copy what is not there yet. Raises InputError if it is gone, ValueError for a job that is no improvement."""
        if assignment.before is None or assignment.corrections is None:
            raise ValueError("an assignment of an improvement without its map or corrections")
        self.folder.mkdir(parents=True, exist_ok=True)
        classes = assignment.before / f"{CLASSES}.tif"
        for kept, given, copy in (
            (self.corrections, assignment.corrections, shutil.copyfile),
            (self.old_map, classes, link),
        ):
            if not kept.is_file():
                try:
                    with write_beside(kept) as temporary:
                        copy(given, temporary)
                except FileNotFoundError as error:
                    raise InputError(
                        f"{given.name}: the map {assignment.of_map} has none any more; map anew"
                    ) from error

    def clear_others(self) -> None:
        """Remove everything else from the folder: what a worker left that lost the job."""
        for path in self.folder.glob("*") if self.folder.is_dir() else ():
            if path not in (self.corrections, self.old_map):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        with suppress(OSError):  # where it holds them, or is not there
            self.folder.rmdir()


def link(file: Path, path: Path) -> None:
    """The same file by another name; a copy where the disk has no links. For files that never change."""
    path.unlink(missing_ok=True)
    try:
        os.link(file, path)
    except OSError:
        shutil.copyfile(file, path)
