"""A recipe: everything that decides how a model is built and trained, in frozen sections that read and write YAML.

Each knob is described once, here; Python, YAML, `--set SECTION.FIELD=VALUE` and the model file share the names.
"""

import difflib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from terrazzo.encoders import check_architecture, check_encoder
from terrazzo.errors import RecipeError
from terrazzo.terms import parse_terms


def _none_word(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() in ("none", "null", "") else value


class Section(BaseModel):
    """A frozen part of a recipe; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class ModelSection(Section):
    """The network and what goes into it."""

    arch: str = Field("unet", description="architecture: unet, or any other of segmentation-models-pytorch")
    encoder: Annotated[str | None, BeforeValidator(_none_word)] = Field(
        None, description="encoder by its segmentation-models-pytorch name; none = the classic U-Net"
    )
    encoder_weights: str = Field("none", description="imagenet, none, auto (imagenet if reachable), or a weights file")
    filters: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (16, 32, 64, 128, 256), min_length=2, description="classic U-Net: filters from the top level to the bottom"
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="classic U-Net: share of activations dropped in each block")
    batch_norm: bool = Field(False, description="classic U-Net: batch normalization after each convolution")
    decoder_channels: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None, description="decoder widths of U-Net-like architectures; none = the library's own"
    )
    scale: Literal["unit", "minmax"] = Field("unit", description="unit: value / 255; minmax: each patch to 0..1")
    mean: tuple[float, ...] | None = Field(None, description="mean by band after scaling; none = the encoder's own")
    std: tuple[float, ...] | None = Field(None, description="deviation by band after scaling; none = the encoder's own")

    @field_validator("encoder")
    @classmethod
    def _known_encoder(cls, value: str | None) -> str | None:
        if value is not None:
            check_encoder(value)
        return value

    @model_validator(mode="after")
    def _known_architecture(self) -> "ModelSection":
        check_architecture(self.arch, self.encoder)
        return self


class LossSection(Section):
    """What training minimizes."""

    terms: str = Field("ce + dice", description="a weighted sum of ce, dice, jaccard, focal, lovasz: 0.5*focal + dice")
    class_weights: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(
        None, description="one weight a class for ce and focal; none = all 1"
    )
    focal_gamma: float = Field(2.0, ge=0, description="focal: how strongly easy pixels are played down")

    @field_validator("terms")
    @classmethod
    def _known_terms(cls, value: str) -> str:
        parse_terms(value)
        return value


class AugmentSection(Section):
    """Random changes of each training patch, image and mask together."""

    hflip: bool = Field(True, description="flip left and right")
    vflip: bool = Field(True, description="flip up and down")
    quarter_turns: bool = Field(True, description="turn by 0, 90, 180 or 270 degrees")
    rotate_deg: float = Field(0.0, ge=0, le=180, description="rotate by up to so many degrees either way")
    shift_x: float = Field(0.0, ge=0, lt=1, description="shift by up to this share of the width")
    shift_y: float = Field(0.0, ge=0, lt=1, description="shift by up to this share of the height")
    zoom: float = Field(0.0, ge=0, lt=1, description="scale by up to 1 -/+ this")
    fill: Literal["reflect", "ignore"] = Field("reflect", description="pixels from outside: mirrored, or ignored")
    probability: float = Field(1.0, ge=0, le=1, description="share of patches that are rotated, shifted and zoomed")
    brightness: float = Field(0.0, ge=0, lt=1, description="brightness times 1 -/+ this")
    contrast: float = Field(0.0, ge=0, lt=1, description="contrast times 1 -/+ this")
    saturation: float = Field(0.0, ge=0, lt=1, description="saturation times 1 -/+ this (three bands)")


class OptimizerSection(Section):
    """How weights follow gradients."""

    name: Literal["adam", "adamw"] = Field("adamw", description="adam or adamw")
    lr: float = Field(1e-3, gt=0, description="learning rate; onecycle: its peak")
    weight_decay: float = Field(1e-2, ge=0, description="weight decay")


class ScheduleSection(Section):
    """How the learning rate moves and when training stops early."""

    name: Literal["plateau", "onecycle", "constant"] = Field(
        "onecycle", description="plateau: cut when validation loss stalls; onecycle: up, then down to 0; constant"
    )
    warmup: float = Field(0.2, gt=0, lt=1, description="onecycle: share of the steps that the rise takes")
    factor: float = Field(0.5, gt=0, lt=1, description="plateau: the learning rate is multiplied by this")
    patience: int = Field(5, ge=0, description="plateau: epochs without a better validation loss before a cut")
    min_lr: float = Field(1e-6, ge=0, description="plateau: no cut goes below this")
    early_stopping: int = Field(0, ge=0, description="stop after so many epochs without a better loss; 0 = never")


class TrainSection(Section):
    """Length, batches, precision and chance."""

    epochs: int = Field(15, ge=1, description="passes over the training patches")
    batch_size: int = Field(8, ge=1, description="patches a step")
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="order, augmentation, dropout and first weights follow from it"
    )
    precision: Literal["auto", "32", "bf16"] = Field("auto", description="auto: bf16 where the hardware has it")
    channels_last: Literal["auto", "yes", "no"] = Field("auto", description="memory format; auto: yes")

    @field_validator("precision", mode="before")
    @classmethod
    def _number_word(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @field_validator("channels_last", mode="before")
    @classmethod
    def _bool_word(cls, value: Any) -> Any:
        return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


class Recipe(Section):
    """A whole recipe. `name` is the shipped recipe or file it began as."""

    name: str = Field("custom", description="the shipped recipe or file that this recipe began as")
    model: ModelSection = ModelSection()
    loss: LossSection = LossSection()
    augment: AugmentSection = AugmentSection()
    optimizer: OptimizerSection = OptimizerSection()
    schedule: ScheduleSection = ScheduleSection()
    train: TrainSection = TrainSection()

    def to_yaml(self) -> str:
        """The recipe as YAML text that `load_recipe` reads back to an equal recipe."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        return text

    def with_changes(self, changes: Mapping[str, Any]) -> "Recipe":
        """A new recipe with `{"optimizer.lr": 3e-4, ...}` changed. Raises RecipeError naming the field."""
        value = self.model_dump(mode="json")
        for key, new in changes.items():
            section, _, field = key.partition(".")
            if not field or not isinstance(value.get(section), dict):
                raise RecipeError(
                    f"--set {key}: expected SECTION.FIELD=VALUE with a section of {', '.join(_sections())}"
                )
            value[section][field] = new
        return parse_recipe(value, "--set")


def recipe_names() -> tuple[str, ...]:
    """The names of the shipped recipes, sorted."""
    folder = resources.files("terrazzo.recipes")
    return tuple(sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """The shipped recipe of that name, or the one in a .yaml file. Raises RecipeError naming what is wrong."""
    text_name = str(name_or_path)
    if text_name.endswith((".yaml", ".yml")):
        try:
            text = Path(text_name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"--recipe {text_name}: cannot be read ({error})") from error
        name = Path(text_name).stem
    elif text_name in recipe_names():
        text = (resources.files("terrazzo.recipes") / f"{text_name}.yaml").read_text(encoding="utf-8")
        name = text_name
    else:
        raise RecipeError(
            f"--recipe {text_name}: no such recipe; there are {', '.join(recipe_names())}, or give a .yaml file"
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"--recipe {text_name}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(value, dict):
        raise RecipeError(f"--recipe {text_name}: expected sections ({', '.join(_sections())}), found {value!r:.60}")
    return parse_recipe({"name": name, **value}, f"--recipe {text_name}")


def parse_recipe(value: Mapping[str, Any], where: str) -> Recipe:
    """The recipe that plain values describe. Raises RecipeError: `where`, the field, what was found and expected."""
    try:
        return Recipe.model_validate(value)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_first_problem(error)}") from error


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """`["optimizer.lr=3e-4"]` as `{"optimizer.lr": "3e-4"}`; values are YAML, left to the field to convert."""
    changes: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, raw = assignment.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"--set {assignment}: expected SECTION.FIELD=VALUE, as in --set optimizer.lr=3e-4")
        try:
            changes[key.strip()] = yaml.safe_load(raw)
        except yaml.YAMLError as error:
            raise RecipeError(f"--set {assignment}: the value is not valid YAML; quote it") from error
    return changes


def _sections() -> tuple[str, ...]:
    return tuple(name for name in Recipe.model_fields if name != "name")


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    path = [str(part) for part in problem["loc"]]
    field = ".".join(path)
    if problem["type"] == "extra_forbidden":
        known = _fields_at(path[:-1])
        near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        return f"{field}: no such field; {hint}"
    if isinstance(cause := problem.get("ctx", {}).get("error"), RecipeError):
        return f"{field}: {cause}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{field} = {problem['input']!r}: {message[0].lower()}{message[1:]}"


def _fields_at(path: Sequence[str]) -> list[str]:
    section: Any = Recipe
    for part in path:
        section = section.model_fields[part].annotation
    return list(section.model_fields)
