"""torch: every device and precision, from the weights of a model.safetensors or .h5."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import InputError
from terrazzo.model.exporting.formats import format_of
from terrazzo.model.runtimes.precisions import check_int8
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.system.devices import TORCH
from terrazzo.system.extras import need_torch

if TYPE_CHECKING:
    from terrazzo.model.predictor import Predictor


class TorchRuntime:
    """Runs the network itself."""

    name = TORCH

    def check(self, model: Path, asked: Asked) -> None:
        """Raise InputError for a graph, or without torch. Whether the device exists is found on opening."""
        exported = format_of(model)
        if exported is not None and exported.holds == "graph":
            raise InputError(
                f"--runtime {TORCH}: {model} is a graph, which torch does not run; "
                "leave it out, or give the model.safetensors"
            )
        check_int8(model, asked)
        need_torch(f"{model}: computing it")

    def computes_on(self, model: Path, asked: Asked) -> tuple[str, str]:
        """Device and precision, as torch chooses them; imports it."""
        from terrazzo.model.hardware import choose

        compute = choose(asked.device, asked.precision)
        return compute.device.type, compute.precision

    def open(self, model: Path, asked: Asked) -> "Predictor":
        """The `Bundle`, settled on a CPU. Its threads are those of torch where it computes: they are the process's."""
        from terrazzo.model.bundle import load
        from terrazzo.model.runtimes.settled import settled

        bundle = load(model, asked.device, asked.precision)
        on_cpu = bundle.device.type == "cpu"
        return replace(bundle, settled=settled(bundle.network, bundle.compute)) if on_cpu else bundle
