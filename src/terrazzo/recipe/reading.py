"""Recipes from names, YAML files and `--set` assignments."""

import difflib
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from terrazzo.errors import RecipeError
from terrazzo.recipe.recipe import Recipe, parse_recipe, sections
from terrazzo.system.places import PathLike

_NO_YAML = (yaml.YAMLError, ValueError, RecursionError)
"""What PyYAML raises: its own errors, and those of the values that it makes, such as the date 2020-13-45."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, where PyYAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node. Raises ConstructorError naming the key."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def recipe_names() -> tuple[str, ...]:
    """The names of the shipped recipes, sorted."""
    names = (item.name for item in _shipped().iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def load_recipe(name_or_path: str | Path, flag: str = "--recipe") -> Recipe:
    """The shipped recipe of that name, or the one in a .yaml file.

    Raises RecipeError naming what is wrong, after the flag that it was given by ("" if by none).
    """
    text_name = str(name_or_path)
    told = f"{flag} {text_name}".lstrip()
    if text_name.endswith((".yaml", ".yml")):
        try:
            text = Path(text_name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{told}: cannot be read ({error})") from error
        name = Path(text_name).stem
    elif text_name in recipe_names():
        text = (_shipped() / f"{text_name}.yaml").read_text(encoding="utf-8")
        name = text_name
    else:
        near = difflib.get_close_matches(text_name, recipe_names(), n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise RecipeError(f"{told}: no such recipe; {hint}there are {', '.join(recipe_names())}, or give a .yaml file")
    try:
        value = yaml.load(text, _Loader)
    except _NO_YAML as error:
        raise RecipeError(f"{told}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(value, dict):
        raise RecipeError(f"{told}: expected sections ({', '.join(sections())}), found {value!r:.60}")
    return parse_recipe({"name": name, **value}, told)


def changes_of(given: Mapping[str, Any] | Sequence[str] | None) -> dict[str, Any]:
    """Changes to a recipe by field: `["optimizer.lr=3e-4"]` as `{"optimizer.lr": "3e-4"}`, a mapping as it is.

    Values in text are YAML, left to the field to convert. Raises RecipeError at text that is no assignment.
    """
    if given is None or isinstance(given, Mapping):
        return dict(given or {})
    given = [given] if isinstance(given, str) else given
    changes: dict[str, Any] = {}
    for assignment in given:
        key, equals, raw = assignment.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"--set {assignment}: expected SECTION.FIELD=VALUE, as in --set optimizer.lr=3e-4")
        if key.strip() in changes:
            raise RecipeError(f"--set {key.strip()}: is given twice; leave one of them out")
        try:
            changes[key.strip()] = yaml.load(raw, _Loader)
        except _NO_YAML as error:
            raise RecipeError(f"--set {assignment}: the value is not valid YAML; quote it") from error
    return changes


def changed_recipe(name: str | Path, by_flag: Mapping[str, Any], changes: Mapping[str, Any]) -> Recipe:
    """The recipe of that name with changes by field: those of flags such as --epochs, and those of --set.

    Raises RecipeError, naming the flag, at a value that the field does not take or that --set gives as well.
    """
    for field in by_flag:
        if field in changes:
            raise RecipeError(f"{flag_of(field)} and --set {field}: are the same field; leave one of them out")
    try:
        return load_recipe(name).with_changes({**by_flag, **changes})
    except RecipeError as error:
        for field in by_flag:
            if str(error).startswith(f"--set: {field} = "):
                raise RecipeError(str(error).replace(f"--set: {field} = ", f"{flag_of(field)} ", 1)) from error
        raise


def flag_of(field: str) -> str:
    """The flag that sets a field by itself: `--batch-size` for `train.batch_size`."""
    return f"--{field.partition('.')[2].replace('_', '-')}"


def refuse_data_changes(changes: Mapping[str, Any], patches: PathLike) -> None:
    """Raise RecipeError at a change of the data section, which has no effect on patches that are cut already."""
    field = next((field for field in changes if field.startswith("data.")), None)
    if field is not None:
        raise RecipeError(
            f"--set {field}: has no effect on {patches}, whose patches are cut already; "
            f"prepare again with {flag_of(field)}, or train from the data set itself"
        )


def _shipped() -> Traversable:
    """The folder of the shipped recipes."""
    return resources.files("terrazzo.recipe") / "shipped"
