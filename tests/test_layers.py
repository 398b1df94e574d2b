"""The rooms of the package: what each is for, and which of the others it may import.

`python -m tests.test_layers` writes the table of docs/design.md anew.
"""

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import terrazzo

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "terrazzo"
DESIGN = ROOT / "docs" / "design.md"
BEGIN, END = "<!-- the table of tests/test_layers.py -->", "<!-- end of the table -->"


@dataclass(frozen=True)
class Room:
    """A package, or a module at the top level."""

    name: str
    purpose: str
    may_import: str
    """Rooms, beside its own, `errors` and `_version`."""
    torch: bool = False


DATA = "system classes pixels recipe scenes patches"
ALL = f"{DATA} model preparing evaluation training maps improving"
ROOMS = (
    Room("errors", "the error tree: a class a remedy", ""),
    Room("_version", "the version, once", ""),
    Room("system", "files whole or absent, places and stores, the machine, what is reported to the user", ""),
    Room("classes", "schema, palettes, class tables, colours, legends, class pictures and pixel counts", ""),
    Room("pixels", "photos, masks, rasters, bands, bounds, geodesy", "system classes"),
    Room("recipe", "every knob; shipped recipes; loss terms; encoders by name; published figures", "system"),
    Room("scenes", "layouts, pairing, label contract, rasters with labels, synthetic worlds", "system classes pixels"),
    Room("patches", "cut, write, read, split, leak", "system classes pixels recipe scenes"),
    Room("model", "header, network, losses, windows, opening, exporting", "system classes pixels recipe patches", True),
    Room("preparing", "the command prepare: data sets, or corrections for a model, to patches", f"{DATA} model"),
    Room("evaluation", "metrics, scoring, report, show, maps against a sample", f"{DATA} model", True),
    Room("training", "learner, fit, run folder, tune, train", f"{DATA} model evaluation", True),
    Room("maps", "pictures, rasters, pieces, engines, polygons, outputs", "system classes pixels recipe model", True),
    Room("improving", "models adapted, boxes to correct, maps compared", f"{DATA} model training maps", True),
    Room("inspection", "a data set, rasters with labels or a model, described", f"{DATA} model"),
    Room("diagnosis", "what is installed, what the machine has, one timed batch a runtime", f"{DATA} model", True),
    Room("serving", "the page, the API, uploads, jobs and their workers", f"{ALL} inspection"),
    Room("cli", "app, options, output; the commands", f"{ALL} inspection diagnosis serving"),
    Room("__init__", "the public names", f"{ALL} inspection diagnosis serving"),
)
"""In the order in which they stand on each other."""
BY_NAME = {room.name: room for room in ROOMS}

MODULE_LINES, FOLDER_MODULES = 300, 16


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, type checkers' imports included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if is_module(whole) else node.module)
    return found


def runtime_imports(path: Path) -> set[str]:
    """Every module that a file imports when it runs, imports inside functions included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {whole if is_module(whole) else node.module for whole in names}
    return found


def is_module(name: str) -> bool:
    """Whether the dotted name is a file or folder of the package."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """`terrazzo.scenes.layouts.flat` is in the room `scenes`; the package's own file is `__init__`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def table() -> str:
    """The rooms as a table in Markdown."""
    rows = ["| room | purpose | may import | torch |", "|---|---|---|---|"]
    for room in ROOMS:
        allowed = ", ".join(f"`{name}`" for name in room.may_import.split()) or "-"
        rows.append(f"| `{room.name}` | {room.purpose} | {allowed} | {'yes' if room.torch else 'no'} |")
    return "\n".join(rows)


@pytest.mark.parametrize("path", files(), ids=lambda path: module_of(path))
def test_a_module_imports_from_its_own_room_or_those_that_the_table_allows(path: Path) -> None:
    name = room_of(module_of(path))
    assert name in BY_NAME, f"{module_of(path)} is in no room of the table"
    room = BY_NAME[name]
    allowed = {name, "errors", "_version", *room.may_import.split()}
    for module in imports(path):
        if module == "terrazzo" and name == "cli":
            continue  # commands call the public functions
        if module.split(".")[0] == "terrazzo":
            assert room_of(module) in allowed, f"{module_of(path)} imports {module}"
        if module.split(".")[0] in ("torch", "lightning", "segmentation_models_pytorch", "timm"):
            assert room.torch, f"{module_of(path)} imports {module}"


def test_the_rooms_are_in_order_and_stand_only_on_rooms_before_them() -> None:
    order = [room.name for room in ROOMS]
    assert len(set(order)) == len(order)
    for number, room in enumerate(ROOMS):
        assert set(room.may_import.split()) <= set(order[:number]), room.name


def test_nothing_else_lies_at_the_top_level() -> None:
    there = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert there == {*BY_NAME, "py.typed"}


def test_no_room_and_no_module_takes_the_place_of_a_public_function() -> None:
    functions = {name for name in terrazzo.__all__ if name[0].islower()}
    assert not functions & set(BY_NAME)


def test_no_circle_of_modules() -> None:
    modules = {module_of(path): path for path in files() if path != PACKAGE / "__init__.py"}
    graph = {
        name: {found for found in runtime_imports(path) if found in modules and found != name}
        for name, path in modules.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"circle: {' -> '.join((*trail, name))}"
        if name in done:
            return
        for imported in sorted(graph[name]):
            visit(imported, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_no_test_file_imports_another() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        others = {name for name in imports(path) if name.startswith("tests.") and ".test_" in name}
        assert not others, f"{path} imports {others}; what several tests build lies in tests/worlds"


def test_tests_lie_in_the_rooms() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders <= {*BY_NAME, "benchmarks", "docs", "layouts", "soak"}


def test_modules_are_short_and_folders_small() -> None:
    long = {
        module_of(path): n for path in files() if (n := path.read_text(encoding="utf-8").count("\n")) > MODULE_LINES
    }
    assert long == {}
    folders = {path.parent for path in files()}
    full = {str(folder): n for folder in folders if (n := len(list(folder.glob("[!_]*.py")))) > FOLDER_MODULES}
    assert full == {}


def test_docs_design_has_this_table() -> None:
    text = DESIGN.read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0].strip() == table(), "run `python -m tests.test_layers`"


def loaded_by(code: str) -> set[str]:
    """The top-level modules in memory after running the code in a fresh interpreter."""
    script = f"{code}\nimport sys; print(' '.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_by("import terrazzo")
    assert not loaded & {"numpy", "torch", "pydantic", "PIL", "typer"}


def test_checks_and_recipes_load_no_torch() -> None:
    modules = "recipe.recipe patches.from_pictures training.run evaluation.evaluate maps.predict model.opening"
    loaded = loaded_by(f"import {', '.join(f'terrazzo.{name}' for name in modules.split())}")
    assert "torch" not in loaded


def test_predicting_and_evaluating_load_neither_lightning_nor_kornia() -> None:
    modules = "model.bundle model.losses evaluation.evaluate maps.pictures.batch"
    loaded = loaded_by(f"import {', '.join(f'terrazzo.{name}' for name in modules.split())}")
    assert "torch" in loaded
    assert not loaded & {"lightning", "pytorch_lightning", "kornia"}


if __name__ == "__main__":
    before, rest = DESIGN.read_text(encoding="utf-8").split(BEGIN)
    DESIGN.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}", encoding="utf-8")
