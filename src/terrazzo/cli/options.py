"""The commands' parameters, built from the signatures of the public functions (`system.options`)."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

import terrazzo
from terrazzo.cli.output import reporting
from terrazzo.errors import InputError, PartialError, StoppedError
from terrazzo.system.options import Option, options_of

STOPPED = (
    "stopped by Ctrl-C; nothing half-written was left: the same command begins anew, or resumes with what was finished"
)
Quiet = Annotated[bool, Option("Print nothing but errors.", flags=("--quiet", "-q"))]
AsJson = Annotated[bool, Option("Machine-readable output alone on stdout.", flags=("--json",))]
_TYPES = {bool: None, str: "TEXT", int: "INTEGER", float: "NUMBER"}
"""The types of the command line as help shows them; the first that a parameter takes is the one it is read as."""

Tell = Callable[..., int | None]
"""tell(result, *, ...): prints a function's result and returns the exit code, 0 where it returns None.

Its keyword parameters are the values of the function's that it wants to know. Those of its own that have an Option
are options of the command alone.
"""


def command(name: str, tell: Tell) -> Callable[..., int]:
    """What typer runs as the command `name`: the public function of that name, then `tell` of its result."""
    function = getattr(terrazzo, name)
    extra = {key: found for key, found in options_of(tell).items() if key not in options_of(function)}
    declared = options_of(function) | extra | options_of(_quietly)
    wanted = signature(tell).parameters
    all_of_it = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in wanted.values())

    def run(quiet: bool = False, **given: Any) -> int:
        given = {key: declared[key][0].default if value is None else value for key, value in given.items()}
        for key, value in given.items():
            _refuse_word(*declared[key], value)
        told = {key: value for key, value in given.items() if all_of_it or key in wanted}
        values = {key: value for key, value in given.items() if key not in extra}
        try:
            with _quietly(given, quiet=quiet):
                done, failed = _call(function, values, bars=not given.get("as_json"))
                code = tell(done, **told)
        except KeyboardInterrupt as error:
            raise StoppedError(STOPPED) from error  # typer would turn it into an exit without a line
        if failed is not None:
            raise failed
        return code or 0

    parameters = [_parameter(*found) for found in declared.values()]
    run.__doc__ = (function.__doc__ or "").split("\n\n")[0]
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _refuse_word(parameter: Parameter, option: Option, value: Any) -> None:
    """Raise InputError at an empty text, and at an address where only this machine's files are taken."""
    name = parameter.name.upper() if parameter.kind is not Parameter.KEYWORD_ONLY else option.flag(parameter.name)
    for word in (value or ()) if option.many else (value,):
        if word == "":
            raise InputError(f"{name}: is empty; give a value, or leave it out")
        if not option.remote and re.match(r"\w+://", str(word)):
            raise InputError(f"{name} {word}: is an address; expected a file or folder on this machine")


@contextmanager
def _quietly(given: Mapping[str, Any], *, quiet: Quiet = False) -> Iterator[None]:
    """Print nothing in the block where `quiet`; what it raises is an error line later.

    Raises InputError beside --json and --dry-run, of which nothing would be left.
    """
    if not quiet:
        yield
        return
    for name, flag in (("as_json", "--json"), ("dry_run", "--dry-run")):
        if given.get(name):
            raise InputError(f"--quiet: leaves nothing of {flag}; leave one of them out")
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def _call(function: Callable[..., Any], values: Mapping[str, Any], bars: bool) -> tuple[Any, PartialError | None]:
    """The function's result, and what failed of it; progress and lines go to stderr where the function has them."""
    accepted = signature(function).parameters
    with reporting(bars) if {"progress", "say"} & set(accepted) else nullcontext((None, None)) as (progress, say):
        heard = {"progress": progress, "say": say}
        values = {**values, **{key: value for key, value in heard.items() if key in accepted}}
        try:
            return function(**values), None
        except PartialError as error:
            return error.done, error


def _parameter(parameter: Parameter, option: Option) -> Parameter:
    """A parameter of a public function as typer takes it."""
    kind = _type_of(get_args(parameter.annotation)[0])
    required = parameter.default is Parameter.empty
    annotation: Any = list[kind] if option.many else kind  # type: ignore[valid-type]
    shown: dict[str, Any] = {"help": option.help, "rich_help_panel": option.panel}
    if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD:
        info = typer.Argument(**shown, metavar=parameter.name.upper())
    else:
        flags = option.flags or ((option.flag(parameter.name),) if kind is bool else ())
        info = typer.Option(*flags, **shown, metavar=_TYPES[kind])
    default = Parameter.empty if required else parameter.default or None if option.many else parameter.default
    if default is None:
        annotation |= None
    return Parameter(parameter.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[annotation, info])


def _type_of(annotation: Any) -> type:
    """The command line's type for a parameter: that of text where it takes text, else of numbers."""
    leaves = _leaves(annotation)
    return next(kind for kind in _TYPES if kind in leaves)


def _leaves(annotation: Any) -> set[Any]:
    inner = get_args(annotation)
    return {annotation} if not inner else set().union(*(_leaves(each) for each in inner))
