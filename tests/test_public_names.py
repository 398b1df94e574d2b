"""The public names: sorted, lazy, and the same as the commands with the same arguments."""

import inspect as introspection

import pytest

import terrazzo
from terrazzo.cli.app import COMMANDS


def test_all_is_sorted_and_every_name_exists() -> None:
    assert list(terrazzo.__all__) == sorted(terrazzo.__all__)
    for name in terrazzo.__all__:
        assert getattr(terrazzo, name) is not None
    assert dir(terrazzo) == terrazzo.__all__
    with pytest.raises(AttributeError, match="trian"):
        _ = terrazzo.trian  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_every_command_is_a_function_with_the_same_arguments(name: str, command: object) -> None:
    function = set(introspection.signature(getattr(terrazzo, name)).parameters) - {"progress", "say"}
    shell = set(introspection.signature(command).parameters) - {"as_json"}  # type: ignore[arg-type]
    renamed = {"assignments": "changes"}
    assert {renamed.get(argument, argument) for argument in shell} == function


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_defaults_agree(name: str, command: object) -> None:
    function = introspection.signature(getattr(terrazzo, name)).parameters
    for argument, parameter in introspection.signature(command).parameters.items():  # type: ignore[arg-type]
        if argument in function and parameter.default is not None and function[argument].default != ():
            assert parameter.default == function[argument].default, argument


def test_every_public_function_has_a_docstring() -> None:
    for name in terrazzo.__all__:
        if callable(getattr(terrazzo, name)):
            assert introspection.getdoc(getattr(terrazzo, name))
