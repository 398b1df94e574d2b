"""Computed rasters are written in a thread while the next one is computed, so that the network does not wait.

At most one is written at a time. Laws: the maps have the bytes that they have one after the other. An error is that of
its own raster. Whatever stops the command, each map is whole or its journal is there.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from types import TracebackType

from terrazzo.errors import TerrazzoError
from terrazzo.maps.rasters.raster_map import ComputedRaster, Written
from terrazzo.system.reporting import Say

Outcome = Callable[[], Written]
"""outcome(): the map that was written; raises what its writing raised."""
Finish = Callable[[Outcome], None]
"""finish(outcome): takes note of a map, or of an error that shall not stop the others. The caller's thread calls it."""


class Behind:
    """The thread that writes. At the end of the block the last raster is waited for.

    If an error ends the block, the raster at hand is still written. If Ctrl-C does, it stops at its next part.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._thread = ThreadPoolExecutor(1, "writer")
        self._stopped = Event()
        self._pending: tuple[Future[Written], Finish] | None = None

    def __enter__(self) -> "Behind":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, Exception):
            self._stopped.set()
        self._thread.shutdown()
        try:
            self.wait()
        except BaseException as further:
            if error is None:
                raise
            if isinstance(further, TerrazzoError):  # the first error ends the command, this one is reported
                self._say(str(further))

    def write(self, computed: ComputedRaster, aside: bool, finish: Finish) -> None:
        """Write a raster once the one before is there: in the thread if `aside`, otherwise before this returns."""
        with ExitStack() as stack:
            stack.push(computed.opened)
            self.wait()
            stack.pop_all()
        if aside:
            self._pending = self._thread.submit(computed.write, self._check), finish
        else:
            finish(computed.write)

    def wait(self) -> None:
        """Wait for the raster that is being written. Raises what `finish` raises."""
        if self._pending is not None:
            (future, finish) = self._pending
            future.exception()
            self._pending = None
            finish(future.result)

    def look(self) -> None:
        """Take note of a raster that is written by now; does not wait."""
        if self._pending is not None and self._pending[0].done():
            self.wait()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise KeyboardInterrupt
