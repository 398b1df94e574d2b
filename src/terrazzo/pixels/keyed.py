"""Images that carry the key of the inputs and options that they were made from."""

from pathlib import Path

from PIL import JpegImagePlugin, PngImagePlugin

from terrazzo.errors import OutputExistsError

KEY = "terrazzo-key"
TROUBLE = (OSError, SyntaxError, ValueError)  # what Pillow raises for files that are no pictures


def key_of(path: Path) -> str | None:
    """The key that a PNG or JPEG carries; None if it has none, or is no such file."""
    try:
        with path.open("rb") as stream:
            if path.suffix == ".png":
                text: str | None = PngImagePlugin.PngImageFile(stream).info.get(KEY)
                return text
            comment = JpegImagePlugin.JpegImageFile(stream).info.get("comment", b"")
    except TROUBLE:
        return None
    label, _, key = comment.decode("latin-1").partition("=")
    return key if label == KEY else None


def refuse_other(path: Path, key: str, made_of: str) -> None:
    """Raise OutputExistsError if `path` exists and does not carry `key`; `made_of` describes its inputs."""
    if path.exists() and key_of(path) != key:
        raise OutputExistsError(
            f"{path}: is in the way, it was not made from {made_of}; "
            "choose another --out, or replace it with --overwrite"
        )
