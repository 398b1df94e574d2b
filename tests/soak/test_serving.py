"""A server at full size: kills while it maps, and many clients at once. Figures are printed, times never asserted."""

import hashlib
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from terrazzo.serving.jobs.job import Status
from tests.worlds.joining import LARGE, anna_at
from tests.worlds.killing import SERVER, jobs_that_survived, site
from tests.worlds.rasters import noise, write_raster

pytestmark = [pytest.mark.soak, pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")]
N_KILLS = N_JOBS = 20
N_UPLOADS, N_CLIENTS = 200, 20
SIDE = 1300
MB = 1 << 20
MOST_GROWTH = 256 * MB
"""The server may grow by this while more than twice as much is sent."""
PAGE = ("/", "/page/server.json", "/page/style.css", "/page/js/main.js", "/jobs", "/processes")


def test_twenty_kills_of_server_supervisor_and_workers_lose_no_job(tmp_path: Path) -> None:
    jobs, digests, kills = jobs_that_survived(tmp_path, N_JOBS, N_KILLS, LARGE)
    assert [(job.status, job.message) for job in jobs] == [(Status.SUCCESSFUL, "")] * N_JOBS
    assert (len(digests), kills) == (1, N_KILLS)
    sys.stdout.write(f"\n{kills} kills during {N_JOBS} jobs: none lost, equal SHA-256\n")


def test_two_hundred_uploads_by_twenty_clients_lose_none(tmp_path: Path) -> None:
    body = write_raster(tmp_path / "scene.tif", noise(3, SIDE, SIDE)).read_bytes()
    with site(tmp_path / "site", ("--workers", "0"), has_machine=False) as found:
        server = psutil.Process(found.processes[SERVER].pid)
        before = server.memory_info().rss
        ended, peaks, seconds = threading.Event(), [before], list[float]()

        def send(number: int) -> tuple[str, str]:
            own = body + number.to_bytes(2, "little")  # GDAL reads a TIFF past whose end something follows
            with anna_at(found.address) as anna:
                anna.timeout = httpx.Timeout(3600)
                sent = anna.post("/uploads", content=own, headers={"Content-Type": "image/tiff"})
            assert sent.status_code == 201, sent.text
            return sent.headers["location"], hashlib.sha256(own).hexdigest()

        def look() -> None:
            with anna_at(found.address) as anna:
                anna.timeout = httpx.Timeout(600)
                while not ended.wait(0.1):
                    for path in PAGE:
                        began = time.perf_counter()
                        assert anna.get(path).status_code == 200, path
                        seconds.append(time.perf_counter() - began)
                    peaks.append(server.memory_info().rss)

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            with ThreadPoolExecutor(N_CLIENTS) as clients:
                sent = dict(clients.map(send, range(N_UPLOADS)))
        finally:
            ended.set()
            watcher.join()
        with anna_at(found.address) as anna:
            there = {place: anna.get(place).json()["sha256"] for place in sent}
    assert len(sent) == N_UPLOADS
    assert there == sent
    growth = max(peaks) - before
    p95 = float(np.percentile(seconds, 95))
    sys.stdout.write(
        f"\n{N_UPLOADS} uploads of {len(body) / MB:.1f} MB by {N_CLIENTS} clients: the server grew by "
        f"{growth / MB:.0f} MB to {max(peaks) / MB:.0f} MB; of {len(seconds)} requests of the page the 95th percentile "
        f"took {1000 * p95:.0f} ms\n"
    )
    assert N_UPLOADS * len(body) > 2 * MOST_GROWTH > 2 * growth
