"""Files of tokens: read only if nobody else can read them."""

import stat
from pathlib import Path

from terrazzo.errors import InputError

USER, WORKER, ADMIN = "user", "worker", "admin"
ROLES = (USER, WORKER, ADMIN)


def lines_of(path: Path, expected: str) -> list[tuple[int, list[str]]]:
    """The number and the words of each line that is neither empty nor a comment (#).

    Raises InputError if others may read or write the file, or if it holds no such line. `expected` says what a line is.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"--token-file {path}: cannot be read ({reason}); {expected}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(f"--token-file {path}: others than you may read or write it; run `chmod 600 {path}`")
    found = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1)]
    found = [(number, words) for number, words in found if words and not words[0].startswith("#")]
    if not found:
        raise InputError(f"--token-file {path}: holds no token; {expected}")
    return found
