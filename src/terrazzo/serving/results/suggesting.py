"""The one job that suggests what to correct of a map."""

from terrazzo.improving.suggesting.suggest import suggest
from terrazzo.serving.jobs.job import SUGGEST, Job, Status
from terrazzo.serving.jobs.store import JobStore
from terrazzo.system.files import digest
from terrazzo.system.options import options_of

_SIZES = ("boxes", "box_size")


def suggesting_job(jobs: JobStore, map_id: str, owner: str) -> Job:
    """The job that makes the suggestions for a map; it is submitted by the first question and no second time.

    Its id follows from the map's, so that two questions at once cannot make two jobs. A dismissed job, and one whose
    suggestions have been cleared away, is followed by another. A failed one stays until it is deleted.
    """
    attempt = 0
    while True:
        job_id = digest(SUGGEST, map_id, str(attempt))
        job = jobs.get(job_id)
        if job is None:
            declared = options_of(suggest)
            sizes = {name: declared[name][0].default for name in _SIZES}
            return jobs.submit(SUGGEST, {"map": map_id, **sizes}, owner, job_id)
        if job.status not in (Status.DISMISSED, Status.SUCCESSFUL):
            return job
        attempt += 1
