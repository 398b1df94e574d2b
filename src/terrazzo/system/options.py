"""How a parameter of a public function appears on the command line, declared where the parameter is.

    def predict(..., tta: Annotated[str, Option("none, flips or d4: ...", panel="Rasters")] = "none", ...)

The function's signature is the only declaration. `cli.options` builds the command's options from it, and the reference
in docs/ its table. Parameters without an `Option` are for Python alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Annotated, Any, get_origin

DATA = "Data"
SPLIT = "Split"
RASTERS = "Rasters"


@dataclass(frozen=True)
class Option:
    """How a parameter appears: help, panel, flags if not its name; whether it repeats, and takes addresses (URLs)."""

    help: str
    panel: str | None = None
    flags: tuple[str, ...] = ()
    many: bool = False
    remote: bool = False

    def flag(self, name: str) -> str:
        """The flag to name in messages and commands: `--patch-size` of the parameter `patch_size`."""
        return self.flags[0] if self.flags else f"--{name.replace('_', '-')}"


def options_of(function: Callable[..., Any]) -> dict[str, tuple[Parameter, Option]]:
    """The parameters of a function that have an Option, in their order."""
    found = {}
    for name, parameter in signature(function).parameters.items():
        if get_origin(parameter.annotation) is Annotated:
            for extra in parameter.annotation.__metadata__:
                if isinstance(extra, Option):
                    found[name] = (parameter, extra)
    return found


def words_of(function: Callable[..., Any], values: Mapping[str, Any]) -> list[str]:
    """The words of the command that calls `function` with these values; those at their default are left out.

    Values whose name is no parameter of the function are passed over.
    """
    words: list[str] = []
    for name, (parameter, option) in options_of(function).items():
        value = values.get(name)
        if name not in values or value is None or value == parameter.default or (option.many and not value):
            continue
        flag = [] if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD else [option.flag(name)]
        if value is True:
            words += flag
        else:
            for each in value if option.many and not isinstance(value, str) else (value,):
                words += [*flag, str(each)]
    return words


Device = Annotated[str, Option("auto, cpu, cuda, cuda:N or mps.")]
Precision = Annotated[str, Option("auto, 32 or bf16; auto takes bf16 where the hardware has it.")]
Runtime = Annotated[
    str, Option("auto, torch, onnxruntime or openvino; auto takes the one that suits the machine and the model.")
]
Tta = Annotated[str, Option("none, flips or d4: average over 1, 4 or 8 mirror images.")]
TtaScales = Annotated[
    str | float | Sequence[str | float],
    Option("Average over the windows enlarged or shrunk by these factors, 0.5 to 4: 1,2.", many=True),
]
Overwrite = Annotated[bool, Option("Replace what is in the way.")]
