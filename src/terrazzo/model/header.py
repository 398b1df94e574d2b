"""What a model file says of itself, read without importing torch.

A model is one `model.safetensors`. Its layout is that of https://github.com/huggingface/safetensors: eight bytes with
the length of a JSON header, the header, the tensors. Under `__metadata__` the header carries one entry `terrazzo`:
the JSON of `Header`. Nothing else is needed to use the weights: no recipe file, no class table, no pickle. Exported
models (`exported`) carry the same JSON.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import ClassTableError, InputError, ModelFileError, RecipeError
from terrazzo.model.exported import HEADER, is_exported, read_notes
from terrazzo.model.normalization import Normalization
from terrazzo.pixels.bands import BandReading
from terrazzo.recipe.sections import ModelSection

METADATA_KEY = "terrazzo"
FORMAT = 1
_MAX_HEADER_BYTES = 100_000_000


@dataclass(frozen=True)
class TrainingData:
    """Which pixels a model was trained on, and how they were divided."""

    fingerprint: str
    """Content hash of the patches."""
    split: str
    """given, group, image, block or patch."""
    leak: dict[str, float]
    """Share of validation pixels whose `image` or `group` is also in training; `buffer_px` of a block split."""
    seed: int
    """The seed of the split."""
    train_images: tuple[str, ...]
    """Pixel hashes of the images with a patch in training."""
    n_train: int
    n_val: int


@dataclass(frozen=True)
class Header:
    """Everything beside the weights: architecture, input, classes, recipe, data, scores."""

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
    """Hash of patches and recipe: equal keys are the same training."""
    scores: dict[str, Any] | None = None
    gsd_m: float | None = None
    """Ground sampling distance in metres a pixel, where it is known."""
    downsample: float = 1.0
    """The network looks at images at 1 / this of their height and width."""
    band_reading: BandReading | None = None
    """None where the training images were ordinary pictures."""
    format: int = FORMAT

    @property
    def title(self) -> str:
        """`unet / resnet34`: the architecture in a few words."""
        return f"{self.model.arch} / {self.model.encoder}" if self.model.encoder else f"classic {self.model.arch}"

    def to_json(self) -> str:
        """The header as the JSON text that the model file carries."""
        return _ADAPTER.dump_json(self).decode()


_ADAPTER = TypeAdapter(Header)


def read_header(path: Path) -> Header:
    """What the model file says of itself. Raises InputError (no such file) or ModelFileError (foreign or damaged)."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; expected a model.safetensors that `terrazzo train` wrote")
    if not path.is_file():
        raise InputError(f"{path}: is a folder; expected the file model.safetensors in it")
    if is_exported(path):
        return _parsed(read_notes(path)[HEADER], path)
    safetensors_header, data_bytes = _read_safetensors_header(path)
    raw = safetensors_header.get("__metadata__", {})
    text = raw.get(METADATA_KEY) if isinstance(raw, dict) else None
    if text is None:
        raise ModelFileError(f"{path}: is a safetensors file but not a terrazzo model; train one with `terrazzo train`")
    header = _parsed(text, path)
    tensors = [entry for name, entry in safetensors_header.items() if name != "__metadata__"]
    try:
        expected = max((int(entry["data_offsets"][1]) for entry in tensors), default=0)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _damaged(path, error) from error
    if data_bytes != expected:
        raise ModelFileError(
            f"{path}: holds {data_bytes} bytes of weights where its header says {expected}; it was cut short or changed"
        )
    return header


def _parsed(text: str, path: Path) -> Header:
    """The header of its JSON text. Raises ModelFileError where it is damaged or of a later version."""
    try:
        header = _ADAPTER.validate_json(text)
    except (ValueError, ValidationError, RecipeError, ClassTableError) as error:
        raise _damaged(path, error) from error
    if header.format > FORMAT:
        raise ModelFileError(f"{path}: has format {header.format}, this version reads {FORMAT}; update terrazzo")
    return header


def _damaged(path: Path, error: Exception) -> ModelFileError:
    first_line = str(error).splitlines()[0]
    return ModelFileError(f"{path}: its header is damaged ({first_line}); copy or train the model anew")


def _read_safetensors_header(path: Path) -> tuple[dict[str, Any], int]:
    """The JSON header of a safetensors file and the number of bytes after it."""
    foreign = ModelFileError(f"{path}: is not a model file (no safetensors header); expected a model.safetensors")
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            prefix = stream.read(8)
            if len(prefix) < 8:
                raise ModelFileError(f"{path}: is only {size} bytes long; expected a model.safetensors")
            (length,) = struct.unpack("<Q", prefix)
            if length > _MAX_HEADER_BYTES or length < 2:
                raise foreign
            if 8 + length > size:
                raise ModelFileError(f"{path}: ends within its header ({size} bytes); it was cut short")
            value = json.loads(stream.read(length))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise foreign from error
    if not isinstance(value, dict):
        raise foreign
    return value, size - 8 - length
