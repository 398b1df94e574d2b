"""The state of an unfinished adaptation, in a hidden folder beside its output.

`.adapting-OUT/state.pt` is written whole or not at all. It carries the key of what it was made from: the same command
takes it up, another one begins anew.
"""

import pickle
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from terrazzo.system.files import PARTIAL_SUFFIX, write_beside, writing
from terrazzo.system.reporting import Say, quiet

PREFIX = ".adapting-"
_DAMAGED = (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError)


@dataclass(frozen=True)
class Checkpoint:
    """The unfinished work on one output."""

    out: Path
    key: str
    say: Say = quiet

    @property
    def file(self) -> Path:
        """Where the state is kept."""
        return self.out.with_name(f"{PREFIX}{self.out.name}") / "state.pt"

    def read(self, device: torch.device) -> dict[str, Any] | None:
        """The state, if there is one of this key; None if there is none, or it is damaged or of another command."""
        if not self.file.is_file():
            return None
        try:
            found = torch.load(self.file, map_location=device, weights_only=True)
            state = dict(found["state"]) if found["key"] == self.key else None
        except _DAMAGED:
            state = None
        if state is None:
            self.say(f"{self.out}: unfinished work of other inputs or options is there; it is replaced")
        return state

    def write(self, state: dict[str, Any]) -> None:
        """Put the state in the place of an earlier one."""
        with writing(self.out), write_beside(self.file) as temporary:
            torch.save({"key": self.key, "state": state}, temporary)

    def remove(self) -> None:
        """Remove the state and what a killed writer left of one. Other files in the folder stay, and so does it."""
        folder = self.file.parent
        for left in (*folder.glob(f".state.*{PARTIAL_SUFFIX}.pt"), self.file):
            left.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
