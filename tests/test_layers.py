"""The layers of docs/design.md: a module imports from its own layer or below, never in a circle."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "terrazzo"

WORDS = (
    "_version band_options blend catalogue class_tables devices encoders enlarging errors exported extras files "
    "free_memory geodesy header metrics normalize palettes patterns places published recipe reporting run_files "
    "schema sections stages terms"
)
PIXELS = (
    "band_choice classes contract cutting findings geodata images label_values labels rasters reading remote "
    "sources survey upright verdicts vrt"
)
DATASET = (
    "augment batches blocks footprints group_split header_lines inspection origins patch_files patches preparation "
    "scene_inspection scene_preparation splits"
)
LEARNER = (
    "batch_size bundle callbacks decoding fitting hardware losses models predictors range_test schedules tiling "
    "training weights"
)
USE = (
    "api contact_sheet curves evaluation exporting fetching figures gallery maps orthomosaics prediction report "
    "running runs stage_figures starting tuning vectors"
)
SHELLS = "cli"
LAYERS = {
    name: layer for layer, names in enumerate((WORDS, PIXELS, DATASET, LEARNER, USE, SHELLS)) for name in names.split()
}
"""The layer of each module or folder."""

FORBIDDEN = {
    0: {"PIL", "torch", "lightning", "kornia", "segmentation_models_pytorch", "matplotlib"},
    1: {"torch", "lightning", "kornia", "segmentation_models_pytorch", "matplotlib"},
    2: {"lightning", "segmentation_models_pytorch", "matplotlib"},
}
"""Libraries that a layer may not import anywhere, not even inside a function."""


def unit(module: str) -> str:
    """`terrazzo.scenes.layouts.flat` belongs to the unit `sources`; the package's own file to `__init__`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def is_module(name: str) -> bool:
    """Whether the dotted name is a file or folder of the package."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, but for type checkers only."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if is_module(whole) else node.module)
    return found


def files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", files(), ids=lambda path: module_of(path))
def test_a_module_imports_from_its_layer_or_below(path: Path) -> None:
    own = LAYERS[unit(module_of(path))]
    for module in imports(path):
        if module.startswith("terrazzo."):
            assert LAYERS[unit(module)] <= own, f"{module_of(path)} (layer {own}) imports {module}"
        assert module.split(".")[0] not in FORBIDDEN.get(own, set()) or (
            own == 2 and unit(module_of(path)) in ("augment", "batches") and module.startswith("torch")
        ), f"{module_of(path)} (layer {own}) imports {module}"


def test_no_circle_of_modules() -> None:
    modules = {module_of(path): path for path in files()}
    graph = {
        name: {imported for imported in imports(path) if imported in modules and imported != name}
        for name, path in modules.items()
    }
    # Imports inside functions count as well: a circle is a circle.
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


def loaded_by(code: str) -> set[str]:
    """The top-level modules in memory after running the code in a fresh interpreter."""
    script = f"{code}\nimport sys; print(' '.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_by("import terrazzo")
    assert not loaded & {"numpy", "torch", "pydantic", "PIL", "typer"}


def test_checks_and_recipes_load_no_torch() -> None:
    loaded = loaded_by(
        "import terrazzo.api, terrazzo.recipe.recipe, terrazzo.patches.from_pictures, terrazzo.training.run, terrazzo.evaluation.evaluate"
    )
    assert "torch" not in loaded


def test_predicting_and_evaluating_load_neither_lightning_nor_kornia() -> None:
    loaded = loaded_by(
        "import terrazzo.model.bundle, terrazzo.evaluation.evaluate, terrazzo.model.losses, terrazzo.maps.pictures.batch"
    )
    assert "torch" in loaded
    assert not loaded & {"lightning", "pytorch_lightning", "kornia"}
