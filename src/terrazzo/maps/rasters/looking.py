"""Rasters looked at before they are mapped: whether they are like the model's training data."""

from collections.abc import Callable
from contextlib import suppress

from terrazzo.errors import ImageError
from terrazzo.maps.familiarity import distance, good_windows, words_of
from terrazzo.maps.jobs.job import RasterJob
from terrazzo.maps.pieces.journal import Journal
from terrazzo.model.familiarity.reference import Seen
from terrazzo.model.predictor import Predictor
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.pixels.rasters.reading import open_pixels
from terrazzo.system.reporting import Say, how_many

SHOWN = 3
"""Rasters that are named in a warning each; more are counted at the end."""


class Looking:
    """The feature distances of the rasters of one command, and the warnings about them."""

    def __init__(self, model: Callable[[], Predictor], say: Say) -> None:
        self._model, self._say = model, say
        self._n_unlike = 0

    def at(self, job: RasterJob, journal: Journal) -> Seen | None:
        """The feature distance of a raster, which is kept in the journal; one that is unlike is reported.

        None where the model measures none, no window is at least half valid, or the raster is damaged, which is said
        where it is mapped.
        """
        familiarity = job.model.header.familiarity
        if familiarity is None:
            return None
        found = journal.familiarity()
        seen = Seen(float(found), familiarity.threshold) if found is not None else self._measured(job)
        if seen is None:
            return None
        if found is None:
            journal.keep_familiarity(seen.distance)
        words = words_of(str(job.raster.path), seen, familiarity)
        self._n_unlike += words is not None
        if words is not None and self._n_unlike <= SHOWN:
            self._say(words)
        return seen

    def finish(self) -> None:
        """Say how many more rasters were unlike the training data than were named."""
        more = self._n_unlike - SHOWN
        if more > 0:
            verb = "is" if more == 1 else "are"
            words = f"{how_many(more, 'more raster')} {verb} unlike the training data"
            self._say(f"warning: {words}; run.json of each has its distance")

    def _measured(self, job: RasterJob) -> Seen | None:
        """The median distance of windows spread over the raster, as the network sees it."""
        header = job.model.header
        windows: list[Pixels] = []
        with suppress(ImageError), open_pixels(job.raster, job.choice) as source:
            seen = job.grid.source(source)
            windows = good_windows(seen, job.grid.seen, header.patch_size, header.normalization)
        return distance(self._model(), header.familiarity, windows)
