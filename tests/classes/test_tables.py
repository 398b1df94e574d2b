"""The files of class tables."""

from pathlib import Path

import pytest

from terrazzo.classes.tables import read_table
from terrazzo.errors import ClassTableError


def test_a_table_that_is_not_there_is_told_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(ClassTableError, match=r"c\.csv: cannot be read as a class table \(No such file or directory\)"):
        read_table(tmp_path / "c.csv")
