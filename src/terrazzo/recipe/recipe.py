"""A recipe: everything that decides how a model is built and trained, as frozen sections.

`terrazzo.recipe.sections` describes each knob. Here the sections become one value that is validated, changed and
printed as YAML.
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
    epochs_of,
    expectation,
)
from terrazzo.system.reporting import COLUMNS, wrapped


class Recipe(Section):
    """A whole recipe.

    With `stages`, `train.epochs` is the sum of their epochs; with `train.steps` it is `epochs_of` them. It is filled in
    if it is missing, and refused if it differs.
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

    @model_validator(mode="before")
    @classmethod
    def _epochs_of_steps(cls, value: Any) -> Any:
        train = value.get("train") if isinstance(value, Mapping) else None
        if not isinstance(train, Mapping) or "epochs" in train:
            return value
        steps = _whole(train.get("steps"))
        return {**value, "train": {**train, "epochs": epochs_of(steps)}} if steps else value

    @model_validator(mode="after")
    def _steps_agree(self) -> "Recipe":
        steps, epochs = self.train.steps, self.train.epochs
        if steps and self.stages:
            raise ValueError(f"train.steps = {steps} and stages are both set; leave one of them out")
        if steps and epochs != epochs_of(steps):
            raise ValueError(f"train.epochs = {epochs}, but train.steps = {steps} is the length; set train.steps alone")
        return self

    @model_validator(mode="after")
    def _stages_agree(self) -> "Recipe":
        total = sum(stage.epochs for stage in self.stages)
        if self.stages and total != self.train.epochs:
            raise ValueError(f"train.epochs = {self.train.epochs}, but the stages have {total}; leave train.epochs out")
        return self

    def to_yaml(self) -> str:
        """The recipe as YAML text that `load_recipe` reads back to an equal recipe."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        return text

    def described(self) -> str:
        """The recipe as YAML text with a comment on each knob."""
        return "\n".join(_described(self, "")) + "\n"

    def with_changes(self, changes: Mapping[str, Any]) -> "Recipe":
        """A new recipe with changes such as `{"optimizer.lr": 3e-4}`. Raises RecipeError naming the field.

        A new `train.epochs` is divided among the stages, if there are any, in proportion to their epochs. With new
        `train.steps` the epochs follow.
        """
        value = self.model_dump(mode="json")
        if "train.steps" in changes:
            del value["train"]["epochs"]
        for key, new in sorted(changes.items(), key=lambda change: change[0] != "stages"):
            section, _, field = key.partition(".")
            if section == "stages" and not field:
                value["stages"] = new
                if new:
                    value["train"].pop("epochs", None)
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


def _whole(value: Any) -> int:
    """A number of steps, also as text; 0 for what is none, which its field refuses."""
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    return number if type(number) is int and number > 0 else 0


def _epochs_in(stages: Any) -> list[int] | None:
    """The epochs of each stage; None if the stages are not valid."""
    if not isinstance(stages, list | tuple) or not all(isinstance(stage, Mapping) for stage in stages):
        return None
    epochs = [stage.get("epochs") for stage in stages]
    return epochs if all(type(n) is int and n >= 1 for n in epochs) else None


def _shared_out(stages: Any, epochs: Any) -> Any:
    """The stages with `epochs` divided in proportion to theirs, each within one epoch of its exact share.

    Stages that get 0 are left out. Invalid stages and epochs are returned as they are, and their fields refuse them.
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
    """The lines of a section, of at most 100 columns: a comment stands behind its knob, or above it if it is long."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from (f"{indent}{name}:", *_described(value, f"{indent}  "))
            continue
        plain = section.model_dump(mode="json", include={name})[name]
        is_block = isinstance(plain, dict) and bool(plain)
        # PyYAML breaks a line at the first blank behind its width.
        width = COLUMNS - 25 - len(f"{indent}{name}")
        text = yaml.safe_dump(plain, default_flow_style=not is_block, sort_keys=False, allow_unicode=True, width=width)
        lines = text.removesuffix("...\n").splitlines()
        knob, below = (f"{indent}{name}:", lines) if is_block else (f"{indent}{name}: {lines[0]}", lines[1:])
        beside = f"{knob:30}  # {field.description}"
        yield from [beside] if len(beside) <= COLUMNS else [*wrapped(f"# {field.description}", indent, "# "), knob]
        yield from (f"{indent}  {line}" for line in below)


def first_difference(asked: Recipe, started: Recipe) -> tuple[str, Any, Any] | None:
    """The first knob in which a run's recipe differs from the one asked for: (knob, asked, started), or None.

    These may differ: the epochs of a recipe without stages, the value that `auto` became, the name, and the fields that
    do not concern training.
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
    """The recipe that plain values describe. Raises RecipeError with `where`, the field, and what it expects."""
    try:
        return Recipe.model_validate(value)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_first_problem(error)}") from error


def sections() -> tuple[str, ...]:
    """The names of a recipe's sections."""
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
    if problem["type"] in ("list_type", "tuple_type") and isinstance(text := problem["input"], str) and "," in text:
        message += f"; write [{text}]"
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
