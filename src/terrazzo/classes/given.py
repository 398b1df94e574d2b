"""The classes that a command gives for labels: a table in a file, or those of a model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from terrazzo.classes.colors import colors_beside
from terrazzo.classes.tables import ClassTable, read_table


@dataclass(frozen=True)
class GivenTable:
    """A class table, and where it is from."""

    table: ClassTable
    where: str
    """The path of the file."""
    flag: str = "--classes"
    """The option that names the file."""
    takes_more: bool = False
    """Whether names that it lacks become classes behind its own, as in corrections for a model."""

    @property
    def named(self) -> str:
        """The words of the command: `--classes table.csv`."""
        return f"{self.flag} {self.where}"

    def id_of(self, name: str) -> int | None:
        """The id of the class of this name, if need be whatever its case; None if there is none."""
        names = self.table.schema.names
        if name in names:
            return names.index(name)
        return {each.casefold(): number for number, each in enumerate(names)}.get(name.casefold())

    def with_more(self, names: Sequence[str]) -> "GivenTable":
        """The table with these new names behind its own. Law: ids, names and colours of its own stay as they are.

        Raises ClassTableError where there are more than 255 classes.
        """
        schema = self.table.schema
        colors = colors_beside(names, [*schema.colors, *schema.void_colors, *(color for color, _ in schema.merged)])
        more = replace(schema, names=(*schema.names, *names), colors=(*schema.colors, *colors))
        ids = range(schema.n_classes, more.n_classes)
        return replace(self, table=replace(self.table, schema=more, values=(*self.table.values, *ids)))


def given_classes(table: Path | None) -> GivenTable | None:
    """The classes in the user's file, if there is one. Raises ClassTableError, naming the file and its fault."""
    return GivenTable(read_table(table), str(table)) if table else None
