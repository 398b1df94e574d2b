"""The token of a worker, from its file."""

from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.serving.token_files import WORKER, lines_of
from terrazzo.system.reporting import how_many

_EXPECTED = "expected the token alone, or one line `name worker token`"


def token_of(path: Path) -> str:
    """The token in a file: alone, or that of the one line whose role is worker, as in the file of a server.

    Raises InputError if others may read the file, and if it holds no such token or several.
    """
    lines = [words for _, words in lines_of(path, _EXPECTED)]
    if len(lines) == 1 and len(lines[0]) == 1:
        token = lines[0][0]
    else:
        if any(len(words) != 3 for words in lines):
            raise InputError(f"--token-file {path}: has another form; {_EXPECTED}")
        found = [words[2] for words in lines if words[1] == WORKER]
        if len(found) != 1:
            what = how_many(len(found), "token") if found else "no token"
            raise InputError(f"--token-file {path}: holds {what} of the role {WORKER}; {_EXPECTED}")
        token = found[0]
    if not token.isascii():
        raise InputError(f"--token-file {path}: the token has other letters than ASCII; {_EXPECTED}")
    return token
