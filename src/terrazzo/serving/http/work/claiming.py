"""The next job of the queue as an order for another machine."""

import shutil

from terrazzo.errors import TerrazzoError
from terrazzo.serving.http.site import Site
from terrazzo.serving.http.work.leases import assigned
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST, Job
from terrazzo.serving.remote.order import Order, order_of
from terrazzo.serving.remote.receiving import Received
from terrazzo.system.reporting import first_line

NOT_ELSEWHERE = (IMPROVE,)
"""Processes that only the server's own machine computes."""


def claim(site: Site, worker: str) -> Order | None:
    """The oldest job that waits, now leased to the worker; None if none waits.

    Law: a worker has one job. Asked again, as where an answer was lost, it gets that one. A job whose upload or model
    is gone fails with its reason.
    """
    settings = site.settings
    job = _held(site, worker)
    while (job := job or site.jobs.claim(worker, settings.lease_seconds, NOT_ELSEWHERE)) is not None:
        shutil.rmtree(site.folder.job(job.id), ignore_errors=True)  # what an earlier worker left
        if job.process != SUGGEST and site.folder.map(job.id).is_dir():  # the server died before it said so
            site.jobs.finish(job.id, worker, {})
        else:
            try:
                assignment = assigned(site, job)
                return order_of(assignment, settings, Received(assignment, settings, worker).most)
            except TerrazzoError as error:
                site.jobs.fail(job.id, worker, first_line(error))
        job = None
    return None


def _held(site: Site, worker: str) -> Job | None:
    """The job that the worker has already, its lease prolonged."""
    job = next((job for job in site.jobs.running() if job.worker == worker), None)
    if job is not None and not site.jobs.heartbeat(job.id, worker, seconds=site.settings.lease_seconds):
        return None
    return job
