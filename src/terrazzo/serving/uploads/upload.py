"""One upload as it lies on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Upload:
    """A file that a client sent, or is still sending."""

    id: str
    owner: str
    """The name of the token that sent it; empty where the server asks for none."""
    media_type: str
    path: Path
    """The file, with the suffix of its media type. Nothing that a client named is part of it."""
    offset: int
    """Bytes that are there."""
    length: int | None
    """Bytes that are expected; None if the client did not say."""
    complete: bool = False
    """Whether every byte is there and the probe has decoded it."""
    sha256: str | None = None
    """Of the whole file, hexadecimal; None until it is complete."""
    name: str | None = None
    """What the client called the file: a title, at most 200 characters."""
    header: Mapping[str, Any] | None = None
    """What the probe found: width, height, bands, dtype, crs, driver; None until it is complete."""
    created: str = ""
    """ISO 8601, UTC."""

    @property
    def title(self) -> str:
        """How errors name it."""
        return self.name or "the upload"
