"""The command line's tree: the public functions as commands, in the order of the pipeline."""

from typing import Annotated, Any

import typer

from terrazzo._version import __version__
from terrazzo.cli.data import download, inspect, prepare, show, synthesize
from terrazzo.cli.help import CONTEXT, PlainCommand
from terrazzo.cli.maps import compare, predict, sample
from terrazzo.cli.models import adapt, average, doctor, evaluate, export, recipes, suggest, train, tune
from terrazzo.cli.options import command as command_of
from terrazzo.cli.serving import serve, work

COMMANDS = (
    *(download, inspect, prepare, show, recipes, tune, train, evaluate),
    *(average, predict, sample, compare, suggest, adapt, export, serve, work, synthesize, doctor),
)
"""A module a command, named as the public function that it calls."""


def command() -> Any:
    """The click command that `terrazzo` runs."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings=CONTEXT,
    )
    app.callback(invoke_without_command=True)(_root)
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2]
        app.command(name, cls=PlainCommand, context_settings=CONTEXT)(command_of(name, module.tell))
    return typer.main.get_command(app)


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
