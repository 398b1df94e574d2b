"""The errors that a user can meet. Each says what was found, what was expected and what to do.

    TerrazzoError            exit code 2: nothing could start, or everything failed
    ├── InputError           a path, file or option that cannot be used
    │   └── ImageError       one image or mask file that cannot be read as pixels
    ├── ClassTableError      the table of classes and colours: file, palette, ids
    ├── LabelError           images and masks break the label contract (inspect exits 1 on it)
    ├── SplitError           a split that cannot be made
    ├── RecipeError          an unknown recipe, field or value
    ├── PatchesError         a folder that is not a finished set of patches
    ├── ModelFileError       a file that is no terrazzo model, or a damaged one
    ├── WeightsError         encoder weights that are not available or do not fit
    ├── ExportError          an export that fails, or computes something else than the model
    ├── OutputExistsError    something else is in the way of an output
    ├── PartialError         exit code 1: some inputs of a batch failed, the others were finished
    └── StoppedError         exit code 130: Ctrl-C ended it without a result

The command line prints `str(error)` as one line on stderr and exits with `error.exit_code`.
"""

from typing import Any, ClassVar


class TerrazzoError(Exception):
    """Base of every error that the user can fix; its text is one line."""

    exit_code: ClassVar[int] = 2


class InputError(TerrazzoError):
    """A path, file or option that cannot be used."""


class ImageError(InputError):
    """An image or mask file that cannot be read as pixels."""


class ClassTableError(TerrazzoError):
    """A table of classes that is missing, malformed, or does not fit the masks."""


class LabelError(TerrazzoError):
    """Images and masks that break the label contract."""


class SplitError(TerrazzoError):
    """A train / validation / test split that cannot be made from what is there."""


class RecipeError(TerrazzoError, ValueError):
    """An unknown recipe, an unknown field, or a value that a field does not take.

    Also a ValueError, so that pydantic names the field whose check raised it.
    """


class PatchesError(TerrazzoError):
    """A folder that is not a finished set of patches."""


class ModelFileError(TerrazzoError):
    """A file that is not a terrazzo model, or one that is damaged."""


class WeightsError(TerrazzoError):
    """Encoder weights that are not available, or do not fit the encoder."""


class ExportError(TerrazzoError):
    """An export that fails, or that computes something else than the model."""


class OutputExistsError(TerrazzoError):
    """Something other than this command's own finished output is in the way."""


class PartialError(TerrazzoError):
    """Some inputs of a batch failed; the others were finished."""

    exit_code: ClassVar[int] = 1

    def __init__(self, line: str, done: Any = None) -> None:
        super().__init__(line)
        self.done = done
        """What the function would have returned, for the inputs that were finished."""


class StoppedError(TerrazzoError):
    """Ctrl-C ended the work before there was a result."""

    exit_code: ClassVar[int] = 130
