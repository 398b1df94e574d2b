"""One prediction: what its images share, and which of them failed."""

from dataclasses import dataclass, field, replace
from functools import cached_property

from terrazzo.errors import TerrazzoError
from terrazzo.maps.engines.options import EngineOptions
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.model.opening import ModelFile, open_models
from terrazzo.model.predictor import Halving, Predictor
from terrazzo.system.devices import TORCH
from terrazzo.system.places import Place
from terrazzo.system.reporting import Reporter, Say


@dataclass(frozen=True)
class Command:
    """What the images of one prediction share."""

    model: ModelFile
    options: MapOptions
    engine: EngineOptions
    out: Place
    overwrite: bool = False
    restart: bool = False
    reporter: Reporter = field(default_factory=Reporter)
    kept: tuple[str, ...] = ()
    """Other runtimes whose finished maps are kept, as `--runtime auto` may have meant them before."""

    def open_model(self) -> Predictor:
        """The model or models, ready to classify; it takes smaller batches if memory is short."""
        return self.opened(self.model)

    def opened(self, file: ModelFile) -> Predictor:
        """`open_model` of another file."""
        return Halving(open_models(file), self.reporter.say)

    @cached_property
    def measuring_model(self) -> Predictor:
        """The first model in torch on this CPU, which alone measures how far images are from the training data."""
        return open_models(replace(self.model, device="cpu", precision="32", runtime=TORCH, others=()))

    def measuring(self, opened: Predictor) -> Predictor:
        """The opened model if it measures that, else `measuring_model`, where torch is installed."""
        return self.measuring_model if self.model.measured_apart else opened


@dataclass
class Failures:
    """The images of a command that could not be mapped; each is reported at once, unless it is the only one."""

    say: Say
    n_inputs: int
    errors: list[TerrazzoError] = field(default_factory=list)
    count: int = 0
    """How many images failed; they can share an error."""

    def add(self, error: TerrazzoError, count: int = 1) -> None:
        """Remember an error of `count` images."""
        self.errors.append(error)
        self.count += count
        if self.n_inputs > 1:
            self.say(str(error))
