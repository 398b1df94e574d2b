"""The command line's tree: one thin file a command, in the order of the pipeline."""

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from terrazzo._version import __version__
from terrazzo.cli.data import download as fetching
from terrazzo.cli.data import inspect as inspecting
from terrazzo.cli.data import prepare as preparing
from terrazzo.cli.data import show as showing
from terrazzo.cli.data import synthesize as synthesizing
from terrazzo.cli.help import CONTEXT, PlainCommand
from terrazzo.cli.maps import predict as predicting
from terrazzo.cli.models import evaluate as evaluating
from terrazzo.cli.models import export as exporting
from terrazzo.cli.models import recipes as listing
from terrazzo.cli.models import train as training
from terrazzo.cli.models import tune as tuning
from terrazzo.errors import StoppedError

STOPPED = (
    "stopped by Ctrl-C; nothing half-written was left: the same command begins anew, or goes on with what was finished"
)
HELP = "Images with coloured masks in, a segmentation model and land-cover maps out."
COMMANDS = (
    ("download", fetching.download),
    ("inspect", inspecting.inspect),
    ("prepare", preparing.prepare),
    ("show", showing.show),
    ("recipes", listing.recipes),
    ("tune", tuning.tune),
    ("train", training.train),
    ("evaluate", evaluating.evaluate),
    ("predict", predicting.predict),
    ("export", exporting.export),
    ("synthesize", synthesizing.synthesize),
)


def command() -> Any:
    """The click command that `terrazzo` runs."""
    app = typer.Typer(
        help=HELP,
        add_completion=False,
        no_args_is_help=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings=CONTEXT,
    )
    app.callback(invoke_without_command=True)(_root)
    for name, function in COMMANDS:
        app.command(name, cls=PlainCommand, context_settings=CONTEXT)(_told_of_ctrl_c(function))
    return typer.main.get_command(app)


def _told_of_ctrl_c(function: Callable[..., int]) -> Callable[..., int]:
    """The command, in which Ctrl-C is an error with a line: typer would turn it into an exit without one."""

    @wraps(function)
    def told(*args: Any, **options: Any) -> int:
        try:
            return function(*args, **options)
        except KeyboardInterrupt as error:
            raise StoppedError(STOPPED) from error

    return told


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Images with coloured masks in, a segmentation model and land-cover maps out."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit
