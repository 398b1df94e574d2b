"""What an export in int8 is made with: patches, and the loss that is allowed."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.model.exporting.formats import FORMATS, Format
from terrazzo.patches.folder import Patches
from terrazzo.system.reporting import Reporter

if TYPE_CHECKING:
    from terrazzo.model.header import Header

WORST = 1.0
"""The loss of mean IoU that is allowed, in points."""


@dataclass(frozen=True)
class Int8Words:
    """The values of --int8, --calibrate and --worst as they are given."""

    int8: bool = False
    calibrate: Path | None = None
    worst: float | None = None

    def check(self, format: Format) -> None:
        """Raise InputError at a value without effect, a missing one or one out of range."""
        if not self.int8:
            for flag, value in (("--calibrate", self.calibrate), ("--worst", self.worst)):
                if value is not None:
                    raise InputError(f"{flag} {value}: is for --int8; add that, or leave {flag} out")
            return
        if not format.int8:
            able = " or ".join(each.name for each in FORMATS.values() if each.int8)
            raise InputError(f"--int8: {format.title} holds no int8; expected --format {able}, or leave --int8 out")
        if self.calibrate is None:
            raise InputError("--int8: needs the patches that the model was trained on; give --calibrate PATCHES")
        if self.worst is not None and not 0 <= self.worst <= 100:
            raise InputError(f"--worst {self.worst:g}: expected points of mean IoU, 0 to 100")

    def options(self, model: Path, header: "Header", reporter: Reporter) -> "Int8Options | None":
        """The options with the patches opened; None without --int8. Raises PatchesError where they do not fit."""
        if self.calibrate is None:
            return None
        from terrazzo.model.scoring.fitting import fitting_patches

        patches = fitting_patches(model, header, self.calibrate, reporter.say)
        options = Int8Options(patches, WORST if self.worst is None else self.worst, reporter)
        _ = options.scoring, options.calibrating(1)  # both splits have patches
        return options


@dataclass(frozen=True)
class Int8Options:
    """Patches that fit the model, and the loss of mean IoU in points that is allowed."""

    patches: Patches
    worst: float
    reporter: Reporter

    @property
    def key(self) -> tuple[str, ...]:
        """What an export depends on."""
        return "int8", self.patches.content_hash, f"{self.worst:g}"

    @property
    def scoring(self) -> NDArray[np.int64]:
        """The numbers of the validation patches. Raises PatchesError if there are none."""
        return self.patches.rows("val")

    def calibrating(self, count: int) -> NDArray[np.int64]:
        """The numbers of at most `count` training patches, evenly spread. Raises PatchesError if there are none."""
        rows = self.patches.rows("train")
        at = np.linspace(0, len(rows) - 1, min(count, len(rows)))
        return rows[at.round().astype(np.int64)]
