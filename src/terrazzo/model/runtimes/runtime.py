"""The interface of a runtime, which opens model files as a `Predictor`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from terrazzo.system.devices import AUTO

if TYPE_CHECKING:
    from terrazzo.model.predictor import Predictor


@dataclass(frozen=True)
class Asked:
    """What `--device` and `--precision` say, and how many cores may be used; None means all."""

    device: str = AUTO
    precision: str = AUTO
    n_threads: int | None = None
    """Of graphs alone: torch's threads belong to the process (`maps.engines.threads`)."""


class Runtime(Protocol):
    """Computes networks."""

    @property
    def name(self) -> str:
        """The word of `--runtime`."""

    def check(self, model: Path, asked: Asked) -> None:
        """Raise InputError, in one line, if it is not installed, or lacks what is asked for or the kind of file."""

    def computes_on(self, model: Path, asked: Asked) -> tuple[str, str]:
        """The type of device and the precision, `32`, `bf16` or `int8`, that `open` computes with.

        Call `check` first.
        """

    def open(self, model: Path, asked: Asked) -> "Predictor":
        """The model, ready to classify. Call `check` first."""
