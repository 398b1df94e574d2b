"""How a data set and its labels are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.scenes.contract.mask_values import MAX_VALUES
from terrazzo.scenes.detect import check_layout

POLICIES: Mapping[str, tuple[str, ...]] = {
    "unpaired": ("error", "skip"),
    "bad": ("error", "skip"),
    "unknown": ("error", "ignore", "nearest"),
}
MAX_DOWNSAMPLE = 64.0


@dataclass(frozen=True)
class LabelOptions:
    """How a data set is read, and which faults are let pass. Raises InputError on values that an option rejects."""

    layout: str | None = None
    """The name of a layout; None: detected."""
    classes: Path | None = None
    """A table of names and colours, JSON or CSV; None: from the data or a known palette."""
    unpaired: str = "error"
    """Images without mask and masks without image: error, or skip."""
    bad: str = "error"
    """Unreadable files, differing sizes, ids out of range: error, or skip the scene."""
    unknown: str = "error"
    """Colours in no class: error, ignore, or nearest (within `masks.NEAREST_DISTANCE`). Ids: error or ignore."""
    ignore_class: tuple[str, ...] = ()
    """Names of classes whose pixels are ignored; the other ids close up."""
    downsample: float = 1.0
    """Images and masks are read at 1 / this of their height and width (`ImageView` states the laws)."""
    ignore_value: tuple[int, ...] = ()
    """Values of id masks that mean no class, beside 255 and what the class table says."""

    def __post_init__(self) -> None:
        check_layout(self.layout)
        for name, allowed in POLICIES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"--{name} {getattr(self, name)}: no such choice; choose one of {', '.join(allowed)}")
        if not 1 <= self.downsample <= MAX_DOWNSAMPLE:
            raise InputError(
                f"--downsample {self.downsample:g}: expected a number from 1 (full size) to {MAX_DOWNSAMPLE:g}"
            )
        if wrong := [value for value in self.ignore_value if not 0 <= value < MAX_VALUES]:
            raise InputError(f"--ignore-value {wrong[0]}: expected a value of id masks, 0..{MAX_VALUES - 1}")
