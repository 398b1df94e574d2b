"""The generated references: commands, functions, recipes and layouts say what the code declares, and nothing else."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import griffe
import pytest

import terrazzo
from terrazzo.cli.app import command
from terrazzo.recipe.recipe import Recipe
from terrazzo.scenes import layouts as layout_modules

HOOKS = Path(__file__).parents[2] / "docs" / "hooks"
TOY = '''
from dataclasses import dataclass
from typing import Annotated

@dataclass(frozen=True)
class Option:
    help: str
    panel: str = ""

Device = Annotated[str, Option("auto, cpu or cuda.")]
SEED = Option("Another seed is another world.")

@dataclass(frozen=True)
class Made:
    """What was made."""

    path: str
    kept: "bool | None" = None
    """Whether it was there already."""

    @property
    def size(self) -> int:
        """Its bytes."""
        return 0

    def _hidden(self) -> None: ...

def make(
    out: Annotated[str | None, Option("Folder for the maps.", panel="Out")] = None,
    *,
    tta: Annotated[str, Option("""none, flips or d4:
        look at mirror images.""")] = "none",
    device: Device = "auto",
    seed: Annotated[int, SEED] = 0,
    bands: Annotated[int, Option("Overridden by the docstring.")] = 3,
    plain: int = 1,
) -> Made:
    """What the options make.

    Args:
        bands: How many bands there are.
    """

def bare(x: Annotated["list[int]", Option("Numbers.")], y: Annotated[int, "no option"] = 1): ...
'''


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HOOKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> griffe.Module:
    """The toy module as the extension leaves it."""
    (tmp_path / "toy_options.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_options", raising=False)
    loaded = griffe.load(
        "toy_options", search_paths=[tmp_path], extensions=griffe.load_extensions(hook("options").Options)
    )
    assert isinstance(loaded, griffe.Module)
    return loaded


def described(function: griffe.Object) -> dict[str, str]:
    assert function.docstring is not None
    sections = function.docstring.parse("google")
    (found,) = [section for section in sections if section.kind is griffe.DocstringSectionKind.parameters]
    return {parameter.name: parameter.description for parameter in found.value}


def test_a_parameter_has_the_bare_type_and_the_help_of_its_option(toy: griffe.Module) -> None:
    make = toy["make"]
    types = {parameter.name: str(parameter.annotation) for parameter in make.parameters}
    assert types == {
        "out": "str | None",
        "tta": "str",
        "device": "str",
        "seed": "int",
        "bands": "int",
        "plain": "int",
    }
    assert described(make) == {
        "out": "Folder for the maps.",
        "tta": "none, flips or d4: look at mirror images.",
        "device": "auto, cpu or cuda.",
        "seed": "Another seed is another world.",
        "bands": "How many bands there are.",
    }


def test_a_function_without_a_docstring_is_described_all_the_same(toy: griffe.Module) -> None:
    assert described(toy["bare"]) == {"x": "Numbers."}
    assert [str(parameter.annotation) for parameter in toy["bare"].parameters] == ["list[int]", "int"]


def test_the_fields_and_properties_of_a_dataclass_are_listed(toy: griffe.Module) -> None:
    made = toy["Made"]
    assert made.docstring is not None
    assert made.docstring.value == (
        "What was made.\n\n- **path** (`str`)\n- **kept** (`bool | None`): Whether it was there already.\n"
        "- **size** (`int`): Its bytes.\n"
    )


def test_every_command_and_option_is_in_the_reference() -> None:
    text = hook("generated").commands()
    for name, each in command().commands.items():
        section = text.split(f"{{: #{name} }}")[1].split("\n## ")[0].lower()
        terms = " ".join(line for line in section.splitlines() if line.startswith("`"))
        for parameter in each.params:
            assert re.search(rf"[` ]{re.escape(parameter.opts[0])}\b", terms), f"{name} {parameter.opts[0]}"


def test_every_public_function_and_what_it_returns_are_in_the_reference() -> None:
    text = hook("generated").functions()
    for name in terrazzo.__all__:
        if name[0].islower():
            assert f".{name}\n    options:\n      heading_level: 2" in text, name
    for value in ("Evaluation", "Exported", "Inspection", "Maps", "Prepared", "Listed", "Trained", "Tuned", "Bundle"):
        assert f".{value}\n" in text, value


def test_every_recipe_and_field_and_layout_is_in_the_reference() -> None:
    generated = hook("generated")
    fields, recipes, layouts = generated.recipe_fields(), generated.recipes(), generated.layouts()
    for section in ("data", "model", "loss", "train"):
        for field in Recipe.model_fields[section].annotation.model_fields:  # type: ignore[union-attr]
            assert f"| `{section}.{field}` |" in fields
    assert all(f'??? note "{listed.recipe.name}"' in recipes for listed in terrazzo.recipes())
    files = (path.stem for path in Path(layout_modules.__path__[0]).glob("[!_]*.py") if path.stem != "detect")
    assert all(f"| `{name.replace('_', '-')}` |" in layouts for name in files)
