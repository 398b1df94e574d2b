"""Which uploads a job needs: the one that it maps, or that its maps were made from."""

from terrazzo.serving.folder import ABOUT, DataFolder, is_id
from terrazzo.serving.jobs.job import Job
from terrazzo.system.files import read_json


def uploads_of(folder: DataFolder, job: Job) -> set[str]:
    """The ids of the uploads that a job reads, itself or through a map, and that an improvement of its map would read.

    A map may stay longer than the job that first mapped its upload, as the map of an improvement does.
    """
    maps = {str(name) for name in (job.id, job.inputs.get("map")) if is_id(str(name))}
    found = {job.inputs.get("image"), *(read_json(folder.map(name) / ABOUT).get("upload") for name in maps)}
    return {str(name) for name in found if name is not None}
