"""The next job of the queue as an order for another machine."""

from typing import Any

from terrazzo.errors import TerrazzoError
from terrazzo.serving.http.site import Site
from terrazzo.serving.http.work.leases import assigned
from terrazzo.serving.jobs.clearing import clear_job
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST, Job
from terrazzo.serving.jobs.kept_inputs import KeptInputs
from terrazzo.serving.jobs.versions import result_of, version_of
from terrazzo.serving.remote.order import Order, order_of
from terrazzo.serving.remote.receiving import Received
from terrazzo.system.reporting import first_line


def claim(site: Site, worker: str, trains: bool = False) -> Order | None:
    """The oldest job that waits, now leased to the worker; None if none waits.

    Laws: a worker has one job. Asked again, as where an answer was lost, it gets that one. Improvements go to workers
    that can train alone. A job whose upload or model is gone fails with its reason.
    """
    settings, without = site.settings, () if trains else (IMPROVE,)
    site.machines.saw(worker, trains)
    job = _held(site, worker)
    while (job := job or site.jobs.claim(worker, settings.lease_seconds, without)) is not None:
        kept = KeptInputs(site.folder.job(job.id))
        kept.clear_others()  # what an earlier worker left
        if job.process != SUGGEST and site.folder.map(job.id).is_dir():  # the server died before it said so
            site.jobs.finish(job.id, worker, _result(site, job))
            clear_job(site.jobs, site.folder, job.id)
        else:
            try:
                assignment = assigned(site, job)
                if job.process == IMPROVE:
                    kept.keep(assignment)
                return order_of(assignment, settings, Received(assignment, settings, worker).most)
            except TerrazzoError as error:
                site.jobs.fail(job.id, worker, first_line(error))
                clear_job(site.jobs, site.folder, job.id)
        job = None
    return None


def _result(site: Site, job: Job) -> dict[str, Any]:
    """The result of a job whose map is in place."""
    version = version_of(job.id, site.folder.models) if job.process == IMPROVE else None
    return {} if version is None else result_of(site.folder.models, version, str(job.inputs["map"]))


def _held(site: Site, worker: str) -> Job | None:
    """The job that the worker has already, its lease prolonged."""
    job = next((job for job in site.jobs.running() if job.worker == worker), None)
    if job is not None and not site.jobs.heartbeat(job.id, worker, seconds=site.settings.lease_seconds):
        return None
    return job
