"""What dataset.json must hold for patches to be used: its entries and their types.

Law: a description that passes `check_description` has every entry that `Patches` and its readers ask for. Entries that
came with later versions have a default here; entries that are not named here are ignored.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

Pair = tuple[float, float]


@dataclass(frozen=True)
class _Class:
    name: str
    pixels: int


@dataclass(frozen=True)
class _Image:
    name: str
    group: str
    hash: str
    picture: int = 0
    source: str = ""


@dataclass(frozen=True)
class _Source:
    name: str


@dataclass(frozen=True)
class _Description:
    format: int
    n_patches: int
    patch_size: int
    bands: int
    fit: str
    classes: list[_Class]
    splits: dict[str, int]
    split_method: str
    leak: dict[str, float]
    seed: int
    images: list[_Image]
    content_hash: str
    downsample: float = 1.0
    gsd_m: float | None = None
    dtype: str = "uint8"
    band_names: tuple[str, ...] = ()
    value_scale: Pair | list[Pair | None] | None = None
    value_range: tuple[Pair, ...] = ()
    places_known: bool = True
    sources: tuple[_Source, ...] = ()


def check_description(value: Any) -> None:
    """Raise ValueError naming the entry that is missing or of another type, and what it should be."""
    try:
        _adapter().validate_python(value)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        entry = ".".join(str(part) for part in problem["loc"]) or "its content"
        raise ValueError(f"dataset.json: {entry}: {problem['msg'][:1].lower()}{problem['msg'][1:]}") from error


@cache
def _adapter() -> TypeAdapter[_Description]:
    return TypeAdapter(_Description)
