"""A public function as a command: types, arguments and panels come from its signature."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

import terrazzo
from terrazzo.cli.help import PlainCommand
from terrazzo.cli.options import command
from terrazzo.errors import PartialError
from terrazzo.system.options import Option

Seen = dict[str, Any]


def grow(
    places: Annotated[str | Path | Sequence[str | Path], Option("Where.", many=True)],
    *,
    out: Annotated[str | Path, Option("The folder.")],
    trees: Annotated[int | None, Option("How many.", "Trees")] = None,
    share: Annotated[float, Option("Of what.", "Trees")] = 0.5,
    batch: Annotated[int | str | None, Option("A number, or auto.")] = None,
    ignore: Annotated[Sequence[int], Option("Ignored.", many=True)] = (),
    fast: Annotated[bool, Option("Fast.")] = False,
    say: object = None,
) -> Seen:
    """Grow trees
    in places.

    More about it.
    """
    seen = locals()
    if out == "partial":
        raise PartialError("1 of 2 failed", seen)
    return seen


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the words; what the function was called with and what `tell` got, or the click result."""
    monkeypatch.setattr(terrazzo, "grow", grow, raising=False)
    told: Seen = {}

    def tell(done: Seen, *, out: str, loud: Annotated[bool, Option("Loud.")] = False) -> int:
        told.update(done=done, out=out, loud=loud)
        return 3

    app = typer.Typer(rich_markup_mode=None)
    app.command(cls=PlainCommand)(command("grow", tell))

    def run(words: str) -> tuple[Any, Seen]:
        return CliRunner().invoke(app, words.split()), told

    return run


def test_values_have_the_types_of_the_signature_and_what_is_not_given_its_defaults(invoke: Any) -> None:
    result, told = invoke("a b --out o --trees 3 --share 0.25 --batch auto --ignore 4 --ignore 5 --fast --loud")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    seen = {key: value for key, value in told["done"].items() if key != "say"}
    assert seen == {
        "places": ["a", "b"],
        "out": "o",
        "trees": 3,
        "share": 0.25,
        "batch": "auto",
        "ignore": [4, 5],
        "fast": True,
    }
    assert (told["out"], told["loud"]) == ("o", True)
    _, told = invoke("a --out o")
    assert told["done"]["ignore"] == ()
    assert told["done"]["trees"] is None
    assert told["loud"] is False


def test_help_has_the_first_paragraph_the_panels_and_the_defaults_and_hides_what_is_for_python(invoke: Any) -> None:
    result, _ = invoke("--help")
    assert "Grow trees in places." in result.output
    assert "More about it" not in result.output
    assert result.output.index("--fast") < result.output.index("Trees:") < result.output.index("--trees INTEGER")
    assert "[default: 0.5]" in result.output
    assert "--loud" in result.output
    assert "say" not in result.output


def test_of_a_call_that_failed_in_part_the_result_is_told_before_the_error(invoke: Any) -> None:
    result, told = invoke("a --out partial")
    assert told["out"] == "partial"
    assert isinstance(result.exception, PartialError)
