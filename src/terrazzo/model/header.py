"""The header of a model file, read without importing torch.

A model is one `model.safetensors` (https://github.com/huggingface/safetensors). Its metadata has one entry `terrazzo`:
the JSON of `Header`. Nothing else is needed to use the weights: no recipe file, no class table, no pickle. Exports
carry the same JSON (`exporting.formats`).
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import ClassTableError, InputError, ModelFileError, RecipeError
from terrazzo.model.exporting.formats import HEADER, format_of, read_notes
from terrazzo.model.familiarity.reference import Familiarity
from terrazzo.model.normalization import Normalization
from terrazzo.pixels.bands.reading import BandReading
from terrazzo.pixels.suffixes import LAYER_SUFFIXES, PHOTO_SUFFIXES, RASTER_SUFFIXES
from terrazzo.recipe.sections import ModelSection
from terrazzo.system.reporting import first_line

METADATA_KEY = "terrazzo"
FORMAT = 1
_CUT_SHORT = ("header too small", "invalid header length", "not fully covered")
"""What the library says of files with missing or surplus bytes."""
SUFFIX = ".safetensors"
_FILE = f"model{SUFFIX}"
_EXPECTED = f"expected a {_FILE} that `terrazzo train` wrote"
_OTHERS = {
    **dict.fromkeys(LAYER_SUFFIXES, "polygons"),
    **dict.fromkeys(RASTER_SUFFIXES, "a raster"),
    **dict.fromkeys(PHOTO_SUFFIXES, "a picture"),
}
"""What files given in place of a model are, by suffix."""


@dataclass(frozen=True)
class TrainingData:
    """The patches that a model was trained on, and how they were split."""

    fingerprint: str
    """Content hash of the patches."""
    split: str
    """given, group, image, block or patch."""
    leak: dict[str, float]
    """Share of validation pixels whose `image` or `group` is also in training; `buffer_px` of a block split."""
    seed: int
    train_images: tuple[str, ...]
    """Pixel hashes of the images with a patch in training."""
    n_train: int
    n_val: int


@dataclass(frozen=True)
class Calibration:
    """The temperature that the network divides its logits by, and what it did for the validation patches."""

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """Above 1 the network was too sure of itself, below 1 too unsure."""
    ece_before: float | None = None
    """Expected calibration error on validation at temperature 1; None if these weights were not validated."""
    ece_after: float | None = None
    """The same with the temperature."""

    def unmeasured(self) -> "Calibration":
        """The same temperature for weights that differ from the validated ones."""
        return replace(self, ece_before=None, ece_after=None)


@dataclass(frozen=True)
class Int8:
    """What int8 cost a network: its mean IoU on validation patches, in [0, 1], before and after."""

    mean_iou_float32: float
    mean_iou: float
    n_patches: int
    patches: str
    """The content hash of the patches."""

    @property
    def points(self) -> float:
        """The loss of mean IoU in points (0.01); negative for a gain."""
        return round(100 * (self.mean_iou_float32 - self.mean_iou), 6)

    @property
    def words(self) -> str:
        """`mean IoU 0.609, 0.610 in float32`."""
        return f"mean IoU {self.mean_iou:.3f}, {self.mean_iou_float32:.3f} in float32"


@dataclass(frozen=True)
class GuardFigures:
    """What the guard of an adaptation found on windows that were not trained on."""

    n_training: int
    """Windows that were trained on."""
    n_guard: int
    """Windows of the guard."""
    agreement: float
    """The share of the start model's confident pixels with the same class as before."""
    shares_before: dict[str, float]
    """The share of each class in the start model's map."""
    shares_after: dict[str, float]
    """The same of the new model's map."""
    used: dict[str, int]
    """Pixels of each class in the start model's map of the windows that were trained on."""
    stopped: str | None = None
    """Which limit ended training early; None if it ran to its end."""


@dataclass(frozen=True)
class LineageStep:
    """How a model was made of others."""

    how: str
    """adapt, average or train --from."""
    parents: tuple[str, ...]
    """SHA-256 of the files that it was made of."""
    scenes: tuple[dict[str, str], ...] = ()
    """`name` and `sha256` of each scene that it was adapted to."""
    steps: int = 0
    """Training steps since then."""
    guard: GuardFigures | None = None
    stopped_early: bool = False
    patches: tuple[str, ...] = ()
    """Content hashes of the patches that `train --from` learnt from: the new ones, then those that it kept."""


@dataclass(frozen=True)
class Header:
    """Everything besides the weights: architecture, input, classes, recipe, data, scores."""

    terrazzo_version: str
    model: ModelSection
    bands: int
    schema: ClassSchema
    normalization: Normalization
    patch_size: int
    fit: str
    recipe: dict[str, Any]
    training_data: TrainingData
    key: str
    """A hash of patches and recipe. Equal keys mean the same training."""
    scores: dict[str, Any] | None = None
    gsd_m: float | None = None
    """Ground sampling distance in metres per pixel, if known."""
    downsample: float = 1.0
    """Images are reduced to 1 / this of their height and width before the network sees them."""
    band_reading: BandReading | None = None
    """None if the training images were photos."""
    lineage: tuple[LineageStep, ...] = ()
    """How it came from the trained models, the oldest step first; empty for a trained model."""
    format: int = FORMAT
    familiarity: Familiarity | None = None
    """How far training and validation patches lay from the training data; None in files of earlier versions."""
    calibration: Calibration | None = None
    """None in files of earlier versions, and if nothing was held out to fit it on: the temperature is then 1."""
    int8: Int8 | None = None
    """What int8 cost, in an export that computes in int8; None in all other files."""

    @property
    def title(self) -> str:
        """The architecture in a few words: `unet / resnet34`."""
        return f"{self.model.arch} / {self.model.encoder}" if self.model.encoder else f"classic {self.model.arch}"

    @property
    def temperature(self) -> float:
        """What the network divides its logits by; 1 without a calibration."""
        return 1.0 if self.calibration is None else self.calibration.temperature

    @property
    def reading(self) -> BandReading | None:
        """How the bands of rasters are read, with the levels of a network that takes stored values."""
        reading, normalization = self.band_reading, self.normalization
        if reading is None or not normalization.deep:
            return reading
        return replace(reading, levels=tuple(zip(normalization.low, normalization.high, strict=True)))

    def without_familiarity(self) -> "Header":
        """The header of a model whose weights have changed, or that is exported: no distance holds for it."""
        return replace(self, familiarity=None)

    def to_json(self) -> str:
        """The header as the JSON text in the model file."""
        return _ADAPTER.dump_json(self).decode()


_ADAPTER = TypeAdapter(Header)


def read_header(path: Path) -> Header:
    """The header of a model file or an export. Raises InputError (no such file), ModelFileError (foreign, damaged)."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; {_EXPECTED}")
    if not path.is_file():
        expected = f"expected the file {_FILE} in it" if (path / _FILE).is_file() else _EXPECTED
        raise InputError(f"{path}: is a folder; {expected}")
    if format_of(path):
        return _parsed(read_notes(path)[HEADER], path)
    text = text_entries(path).get(METADATA_KEY)
    if text is None:
        raise ModelFileError(f"{path}: is a safetensors file but not a terrazzo model; train one with `terrazzo train`")
    return _parsed(text, path)


def _parsed(text: str, path: Path) -> Header:
    """The header from its JSON text. Raises ModelFileError if it is damaged or of a later version."""
    try:
        header = _ADAPTER.validate_json(text)
    except (ValueError, ValidationError, RecipeError, ClassTableError) as error:
        raise _damaged(path, error) from error
    if header.format > FORMAT:
        raise ModelFileError(f"{path}: has format {header.format}, this version reads {FORMAT}; update terrazzo")
    return header


def _damaged(path: Path, error: Exception) -> ModelFileError:
    return ModelFileError(f"{path}: its header is damaged ({first_line(error)}); copy or train the model again")


def text_entries(path: Path) -> dict[str, str]:
    """The text entries of a safetensors file. Raises ModelFileError if it is not whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:  # loads no torch
            return dict(file.metadata() or {})
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        reason = first_line(error).removeprefix("Error while deserializing header: ")
        if any(words in reason for words in _CUT_SHORT):
            size = path.stat().st_size
            raise ModelFileError(
                f"{path}: was cut short or changed ({size} bytes; {reason}); copy or train the model again"
            ) from error
        reason = _OTHERS.get(path.suffix.lower(), reason)
        raise ModelFileError(f"{path}: is not a model file ({reason}); {_EXPECTED}") from error
