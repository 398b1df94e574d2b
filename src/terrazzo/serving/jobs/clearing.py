"""What is left of computing a job, removed."""

import shutil
from pathlib import Path

from terrazzo.serving.folder import DataFolder
from terrazzo.serving.jobs.job import ENDED
from terrazzo.serving.jobs.kept_inputs import KeptInputs
from terrazzo.serving.jobs.store import JobStore


def remove(folder: Path) -> None:
    """Remove a folder of a job, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def clear_job(store: JobStore, data: DataFolder, job_id: str) -> None:
    """Remove what a worker left that has lost the job or ended it. Of a job that goes on, what it reads stays."""
    found = store.get(job_id)
    if found is None or found.status in ENDED:
        remove(data.job(job_id))
    else:
        KeptInputs(data.job(job_id)).clear_others()
