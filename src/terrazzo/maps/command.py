"""What all images of one prediction share, and the images that could not be mapped."""

from dataclasses import dataclass, field

from terrazzo.errors import TerrazzoError
from terrazzo.maps.engines.options import EngineOptions
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.model.opening import ModelFile
from terrazzo.system.places import Place
from terrazzo.system.reporting import Reporter, Say


@dataclass(frozen=True)
class Command:
    """One prediction: with which model and options, where to, and what it reports to."""

    model: ModelFile
    options: MapOptions
    engine: EngineOptions
    out: Place
    overwrite: bool = False
    restart: bool = False
    reporter: Reporter = field(default_factory=Reporter)


@dataclass
class Failures:
    """The images that could not be mapped; each is reported at once, unless it is the only input."""

    say: Say
    n_inputs: int
    errors: list[TerrazzoError] = field(default_factory=list)
    count: int = 0

    def add(self, error: TerrazzoError, count: int = 1) -> None:
        """Remember an error that `count` images have in common."""
        self.errors.append(error)
        self.count += count
        if self.n_inputs > 1:
            self.say(str(error))
