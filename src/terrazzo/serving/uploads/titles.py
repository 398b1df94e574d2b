"""Names that clients give their files. They are shown, and never become a path."""

import unicodedata
from email.message import Message
from urllib.parse import unquote

LONGEST = 200


def title_of(x_filename: str | None, disposition: str | None) -> str | None:
    """A name to show, from the headers X-Filename (percent-encoded UTF-8) or Content-Disposition; None without one.

    Folders before the name, control characters and marks of writing direction are dropped, and so is what follows the
    first 200 characters.
    """
    named = unquote(x_filename, errors="replace") if x_filename else _of_disposition(disposition)
    last = (named or "").replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if not unicodedata.category(letter).startswith("C"))
    shown = " ".join(shown.split())[:LONGEST]
    return shown if shown.strip(". ") else None


def _of_disposition(disposition: str | None) -> str | None:
    """The file name of a Content-Disposition (RFC 6266); None without one."""
    if not disposition:
        return None
    message = Message()
    message["Content-Disposition"] = disposition
    return message.get_filename()
