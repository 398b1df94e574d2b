"""A recipe: everything that decides how a model is built and trained, in frozen sections that read and write YAML.

`terrazzo.recipe.sections` describes each knob; here the sections become one value that loads, changes and prints.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import yaml
from pydantic import Field, ValidationError, model_validator

from terrazzo.errors import RecipeError
from terrazzo.recipe.published import Published
from terrazzo.recipe.sections import (
    AugmentSection,
    DataSection,
    LossSection,
    ModelSection,
    OptimizerSection,
    ScheduleSection,
    Section,
    Stage,
    TrainSection,
    expectation,
)


class Recipe(Section):
    """A whole recipe. `name` is the shipped recipe or file it began as.

    With `stages`, `train.epochs` is the sum of theirs: filled in where it is not given, refused where it differs.
    """

    name: str = Field("custom", description="the shipped recipe or file that this recipe began as")
    about: str = Field("", description="what it is, in one line")
    data: DataSection = DataSection()
    model: ModelSection = ModelSection()
    loss: LossSection = LossSection()
    augment: AugmentSection = AugmentSection()
    optimizer: OptimizerSection = OptimizerSection()
    schedule: ScheduleSection = ScheduleSection()
    train: TrainSection = TrainSection()
    stages: tuple[Stage, ...] = Field((), description="progressive resizing: [{size: 128, epochs: 5, lr: 1e-3}, ...]")
    published: Published = Published()

    @model_validator(mode="before")
    @classmethod
    def _epochs_of_stages(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or not value.get("stages"):
            return value
        train = value.get("train")
        if train is not None and not (isinstance(train, Mapping) and "epochs" not in train):
            return value
        epochs = _epochs_in(value["stages"])
        return value if epochs is None else {**value, "train": {**(train or {}), "epochs": sum(epochs)}}

    @model_validator(mode="after")
    def _stages_agree(self) -> "Recipe":
        total = sum(stage.epochs for stage in self.stages)
        if self.stages and total != self.train.epochs:
            raise ValueError(f"train.epochs = {self.train.epochs}, but the stages make {total}; leave train.epochs out")
        return self

    def to_yaml(self) -> str:
        """The recipe as YAML text that `load_recipe` reads back to an equal recipe."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        return text

    def described(self) -> str:
        """The same with a comment behind each knob that says what it means."""
        return "\n".join(_described(self, "")) + "\n"

    def with_changes(self, changes: Mapping[str, Any]) -> "Recipe":
        """A new recipe with `{"optimizer.lr": 3e-4, ...}` changed. Raises RecipeError naming the field.

        Where there are stages, a new `train.epochs` is shared out among them in the proportion they have.
        """
        value = self.model_dump(mode="json")
        for key, new in sorted(changes.items(), key=lambda change: change[0] != "stages"):
            section, _, field = key.partition(".")
            if section == "stages" and not field:
                value["stages"] = new
                if new:
                    del value["train"]["epochs"]
            elif key == "train.epochs" and value["stages"]:
                value["stages"] = _shared_out(value["stages"], new)
                value["train"]["epochs"] = new
            elif not field or not isinstance(value.get(section), dict) or section == "published":
                raise RecipeError(
                    f"--set {key}: expected SECTION.FIELD=VALUE with a section of {', '.join(sections())}"
                )
            else:
                value[section][field] = new
        return parse_recipe(value, "--set")


def _epochs_in(stages: Any) -> list[int] | None:
    """The epochs of each stage; None where the stages are not what their fields take."""
    if not isinstance(stages, list | tuple) or not all(isinstance(stage, Mapping) for stage in stages):
        return None
    epochs = [stage.get("epochs") for stage in stages]
    return epochs if all(type(n) is int and n >= 1 for n in epochs) else None


def _shared_out(stages: Any, epochs: Any) -> Any:
    """The stages with `epochs` shared out in their proportion, each within one of its exact share, the last one full.

    Stages that come out at 0 are left out. Stages that are none, and anything but a whole number from 1 on, are left to
    the fields to refuse.
    """
    if isinstance(epochs, str) and epochs.isdecimal():
        epochs = int(epochs)
    before_sharing = _epochs_in(stages)
    if before_sharing is None or type(epochs) is not int or epochs < 1:
        return stages
    total, before, kept = sum(before_sharing), 0, []
    for stage in stages:
        after = before + stage["epochs"]
        share = after * epochs // total - before * epochs // total
        if share:
            kept.append({**stage, "epochs": share})
        before = after
    return kept


def _described(section: Section, indent: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from (f"{indent}{name}:", *_described(value, f"{indent}  "))
            continue
        plain = section.model_dump(mode="json", include={name})[name]
        if isinstance(plain, dict) and plain:
            lines = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=10**6).splitlines()
            yield f"{indent}{name}:".ljust(44) + f"  # {field.description}"
            yield from (f"{indent}  {line}" for line in lines)
        else:
            text = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
            text = text.removesuffix("...\n").rstrip("\n")
            yield f"{indent}{name}: {text}".ljust(44) + f"  # {field.description}"


def first_difference(asked: Recipe, started: Recipe) -> tuple[str, Any, Any] | None:
    """The first knob in which a run's recipe differs from the one asked for, as (knob, asked, started); None: nowhere.

    What may differ: the number of epochs of a recipe without stages, what `auto` has been settled to, the name, and
    what says nothing about training.
    """
    ours, theirs = asked.model_dump(mode="json"), started.model_dump(mode="json")
    if ours["stages"] != theirs["stages"]:
        return "stages", ours["stages"], theirs["stages"]
    settled = {("model", "encoder_weights"), ("train", "batch_size")}
    for section in (name for name in sections() if name != "data"):
        for field, value in ours[section].items():
            if theirs[section][field] == value or (section, field) == ("train", "epochs"):
                continue
            if not (value == "auto" and (section, field) in settled):
                return f"{section}.{field}", value, theirs[section][field]
    return None


def parse_recipe(value: Mapping[str, Any], where: str) -> Recipe:
    """The recipe that plain values describe. Raises RecipeError: `where`, the field, what was found and expected."""
    try:
        return Recipe.model_validate(value)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_first_problem(error)}") from error


def sections() -> tuple[str, ...]:
    return tuple(name for name in Recipe.model_fields if name not in ("name", "about", "stages", "published"))


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    path = [str(part) for part in problem["loc"] if "constrained" not in str(part) and "literal" not in str(part)]
    field = ".".join(path)
    if problem["type"] == "extra_forbidden":
        known = _fields_at(path[:-1])
        near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        return f"{field}: no such field; {hint}"
    if isinstance(cause := problem.get("ctx", {}).get("error"), RecipeError):
        return f"{field}: {cause}"
    message = expectation(problem)
    if not field:
        return message
    found = "" if problem["type"] == "missing" or isinstance(problem["input"], dict) else f" = {problem['input']!r:.60}"
    return f"{field}{found}: {message}"


def _fields_at(path: Sequence[str]) -> list[str]:
    section: Any = Recipe
    for part in path:
        if not part.isdecimal():
            section = section.model_fields[part].annotation
    parts = (section, *get_args(section))
    return [name for part in parts if hasattr(part, "model_fields") for name in part.model_fields]
