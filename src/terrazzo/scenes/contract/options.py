"""How a data set and its labels are read."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from terrazzo.classes import PALETTE_NAMES
from terrazzo.classes.given import GivenTable, given_classes
from terrazzo.classes.tables import MAX_VALUES
from terrazzo.errors import InputError
from terrazzo.scenes.detect import check_layout

POLICIES: Mapping[str, tuple[str, ...]] = {
    "unpaired": ("error", "skip"),
    "bad": ("error", "skip"),
    "unknown": ("error", "ignore", "nearest"),
}
MAX_DOWNSAMPLE = 64.0


@dataclass(frozen=True)
class LabelOptions:
    """How a data set is read, and which faults are let pass: the options of `prepare` by their names.

    Raises InputError on values that an option rejects.
    """

    layout: str | None = None
    classes: Path | None = None
    """None: from the data or a known palette."""
    unpaired: str = "error"
    bad: str = "error"
    unknown: str = "error"
    """`nearest` goes up to `masks.NEAREST_DISTANCE` for colours. Of ids only greys have a nearest one."""
    ignore_class: tuple[str, ...] = ()
    """The ids of the other classes close up."""
    downsample: float = 1.0
    """`ImageView` states the laws."""
    least_downsample: float = 1.0
    """Below 1 where a ground sampling distance asks for it."""
    ignore_value: tuple[int, ...] = ()
    background: str | None = None
    """The class of pixels outside every polygon; None: they are ignored."""
    palette: str | None = None
    """The known palette that the masks' colours are read by; None: from a table or the masks."""
    of_model: GivenTable | None = None
    """The classes of the model that the labels are for; they take the place of `classes`."""

    @classmethod
    def of(cls, given: Mapping[str, Any], downsample: float) -> "LabelOptions":
        """The options among the arguments of `prepare` or `inspect`. One class or value may stand without a list."""
        own = {field.name: given[field.name] for field in fields(cls) if field.name in given}
        for name in ("ignore_class", "ignore_value"):
            own[name] = (own[name],) if isinstance(own[name], str | int) else tuple(own[name])
        table = given["classes"]
        return cls(**own | {"classes": None if table is None else Path(table), "downsample": downsample})

    def given(self) -> GivenTable | None:
        """The classes that the command gives: the model's or a file's. Raises ClassTableError at a bad file."""
        return self.of_model or given_classes(self.classes)

    def __post_init__(self) -> None:
        check_layout(self.layout)
        for name, allowed in POLICIES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"--{name} {getattr(self, name)}: no such choice; choose one of {', '.join(allowed)}")
        if not self.least_downsample <= self.downsample <= MAX_DOWNSAMPLE:
            raise InputError(
                f"--downsample {self.downsample:g}: expected a number from 1 (full size) to {MAX_DOWNSAMPLE:g}"
            )
        if self.palette is not None and self.palette not in PALETTE_NAMES:
            raise InputError(
                f"--palette {self.palette}: no such palette; choose one of {', '.join(PALETTE_NAMES)}, "
                "or give a table with --classes"
            )
        if self.palette is not None and self.classes is not None:
            raise InputError(f"--palette {self.palette}: --classes {self.classes} names the classes; leave one out")
        if wrong := [value for value in self.ignore_value if not 0 <= value < MAX_VALUES]:
            raise InputError(f"--ignore-value {wrong[0]}: expected a value of id masks, 0..{MAX_VALUES - 1}")
        if self.background is not None and not self.background.strip():
            raise InputError("--background: expected a class name, as in --background background")
