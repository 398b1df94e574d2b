"""How images are cut into patches and patches divided; bounds and choices are those of a recipe's data section."""

from dataclasses import asdict, dataclass
from typing import Any

from terrazzo.errors import SplitError
from terrazzo.recipe.sections import check_option


@dataclass(frozen=True)
class PatchOptions:
    """Size and fit of patches. Raises InputError, naming the option, on values that the data section does not take."""

    patch_size: int = 256
    fit: str = "crop"
    """How images become patches: crop, pad or resize (`cutting.cut`)."""

    def __post_init__(self) -> None:
        check_option("patch_size", self.patch_size)
        check_option("fit", self.fit)

    @property
    def least_side(self) -> int:
        """Height and width in pixels below which an image gives no patch."""
        return self.patch_size if self.fit == "crop" else 1


NONE_HELD_OUT = "none held out"
"""The method that puts every patch in train: that of corrections, unless the user asks for a share of validation."""


@dataclass(frozen=True)
class SplitOptions:
    """How patches are divided: method (None: chosen by what is there), shares of val and test, seed.

    Raises SplitError, naming the option, on values that the data section does not take or that contradict each other.
    """

    method: str | None = None
    val: float = 0.2
    test: float = 0.0
    seed: int = 0
    block_size: int | None = None
    """Patches along the side of a block; None: 4, or fewer where the images are small."""
    buffer: int | None = None
    """Pixels between a training patch and a validation or test block; None: one patch."""

    def __post_init__(self) -> None:
        method = None if self.method == NONE_HELD_OUT else self.method  # no choice of the option --split
        for field, value in (("split", method), ("val", self.val), ("test", self.test), ("seed", self.seed)):
            check_option(field, value, SplitError)
        if self.val + self.test >= 1:
            raise SplitError(
                f"--val {self.val} and --test {self.test} leave nothing to train on; their sum must be below 1"
            )
        for flag, given, least, what in (
            ("--block-size", self.block_size, 1, "patches along the side of a block"),
            ("--buffer", self.buffer, 0, "pixels between the sides"),
        ):
            if given is not None and given < least:
                raise SplitError(f"{flag} {given}: expected {what}, {least} or more")
            if given is not None and self.method not in (None, "block"):
                raise SplitError(f"{flag} {given}: is for --split block, not for --split {self.method}")

    def buffer_px(self, patch_size: int) -> int:
        """The pixels that a block split keeps between the sides: one patch unless the option says otherwise."""
        return patch_size if self.buffer is None else self.buffer

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value; the block's options only where they are given."""
        value = asdict(self)
        return {name: value[name] for name in value if name not in ("block_size", "buffer") or value[name] is not None}
