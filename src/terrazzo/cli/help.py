"""The text of `--help`: plain lines of at most 100 columns, options under the heading of their panel.

Typer's own pages load rich, Markdown included, which costs three times what the command line itself does.
"""

from typing import Any

from typer.core import TyperCommand

COLUMNS = 100
CONTEXT = {"max_content_width": COLUMNS, "help_option_names": ["-h", "--help"]}


class PlainCommand(TyperCommand):
    """A command whose help names each panel of options once, in the order of the declarations."""

    def get_short_help_str(self, limit: int = COLUMNS) -> str:
        """The first paragraph of the help in full: a list of commands wraps it where a line is too short."""
        return " ".join((self.help or "").split("\n\n")[0].split())

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The pieces of the usage line, arguments without typer's braces."""
        return [piece.translate({ord(brace): None for brace in "{}"}) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the options without a panel, then each panel."""
        for panel, records in self.panels(ctx).items():
            with formatter.section(panel):
                formatter.write_dl(records)

    def panels(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """The names and the help of the parameters by panel, in the order of the declarations."""
        panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                panels["Arguments"].append((record[0].split(" <")[0], record[1]))  # without typer's `<str>`
            else:
                panels.setdefault(getattr(parameter, "rich_help_panel", None) or "Options", []).append(record)
        return {panel: records for panel, records in panels.items() if records}
