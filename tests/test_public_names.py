"""The public names: sorted, cheap to import, each a command of the same name and arguments."""

import inspect as introspection
import subprocess
import sys

import pytest

import terrazzo
from terrazzo.cli.app import COMMANDS
from terrazzo.system.options import options_of

FUNCTIONS = [module.__name__.rpartition(".")[2] for module in COMMANDS]


def test_all_is_sorted_and_every_name_exists() -> None:
    assert list(terrazzo.__all__) == sorted(terrazzo.__all__)
    for name in terrazzo.__all__:
        assert getattr(terrazzo, name) is not None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_declared_for_the_command_line_or_is_for_python_alone(name: str) -> None:
    function = getattr(terrazzo, name)
    assert set(introspection.signature(function).parameters) - set(options_of(function)) <= {"progress", "say"}


def test_every_function_is_a_command_but_the_one_that_opens_a_model() -> None:
    commands = {module.__name__.rpartition(".")[2] for module in COMMANDS}
    assert commands == {name for name in terrazzo.__all__ if name[0].islower()} - {"load"}


def test_every_public_function_has_a_docstring() -> None:
    for name in terrazzo.__all__:
        if callable(getattr(terrazzo, name)):
            assert introspection.getdoc(getattr(terrazzo, name))


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) | {"load"}))
def test_the_module_of_a_public_function_loads_nothing_heavy(name: str) -> None:
    home = getattr(terrazzo, name).__module__
    code = f"import sys, {home}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "PIL", "pydantic", "yaml", "torch", "rasterio", "psutil", "pyproj", "shapely", "typer", "rich"}
    assert not set(done.stdout.split()) & heavy
