"""Where a server keeps its jobs, uploads, maps and improved models.

- `DATA/jobs.sqlite`: the table of jobs.
- `DATA/uploads/ID/`: one upload: body, upload.json.
- `DATA/jobs/ID/`: what a worker writes while it computes.
- `DATA/maps/ID/`: the finished map of job ID: what predict writes for one raster, and image.tif.
- `DATA/corrections/ID.geojson`, `DATA/suggestions/ID.geojson`: what belongs to the map ID and changes after it. An
  improvement's corrections are there from its start: those of the map before.
- `DATA/models/NAME/`: an improved model: model.safetensors, lineage.json.
- `DATA/worker.log`: what workers print, the last of it.

Only ids of ours become part of a path, never names from clients.
"""

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from terrazzo.errors import InputError

ABOUT, PICTURE = "map.json", "image.tif"
"""What a finished map holds beside predict's own files: what it is, and the image for the page to show."""
_ID = re.compile(r"[0-9a-f]{32}")


def new_id() -> str:
    """A random id of 32 hexadecimal digits, which no one can guess."""
    return secrets.token_hex(16)


def is_id(text: str) -> bool:
    """Whether the text has the form of `new_id`. Nothing else ever becomes part of a path."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True)
class DataFolder:
    """The folder of `terrazzo serve --data`, or of a worker on another machine."""

    root: Path

    @property
    def jobs_table(self) -> Path:
        """The SQLite file."""
        return self.root / "jobs.sqlite"

    def upload(self, upload_id: str) -> Path:
        """The folder of an upload. Raises InputError for what is no id."""
        return self._of("uploads", upload_id)

    def job(self, job_id: str) -> Path:
        """The folder in which a job is computed."""
        return self._of("jobs", job_id)

    def map(self, job_id: str) -> Path:
        """The folder of a finished map. It appears whole, by one rename."""
        return self._of("maps", job_id)

    def corrections(self, job_id: str) -> Path:
        """The corrections of a map, as GeoJSON."""
        return self._of("corrections", job_id).with_suffix(".geojson")

    def suggestions(self, job_id: str) -> Path:
        """What to correct in a map, as GeoJSON."""
        return self._of("suggestions", job_id).with_suffix(".geojson")

    @property
    def models(self) -> Path:
        """The folder of improved models."""
        return self.root / "models"

    def _of(self, kind: str, name: str) -> Path:
        if not is_id(name):
            raise InputError(f"{name[:40]!r}: is no id; expected 32 hexadecimal digits")
        return self.root / kind / name


def make_folder(root: Path) -> None:
    """Make the data folder, which nobody else may read. Raises InputError."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = "is a file" if isinstance(error, FileExistsError) else f"cannot be made ({error.strerror})"
        raise InputError(f"--data {root}: {reason}; choose another folder") from error
    if not os.access(root, os.W_OK | os.X_OK):
        raise InputError(f"--data {root}: cannot be written to; choose another folder")
