"""The generated parts of pages: commands, functions, recipes, layouts, palettes, the notebook.

A page marks the place, with a text for readers of the bare file; building the site puts the generated text there:

    <!-- generated: commands -->
    `terrazzo COMMAND --help` prints the same.
    <!-- end -->
"""

import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src" / "terrazzo" / "recipe" / "shipped"
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
MARK = re.compile(r"<!-- generated: (?P<name>[\w ]+) -->\n.*?<!-- end -->", re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    """Add the picture of the recipes' own README, which the recipes page shows."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "reference/stages.png", abs_src_path=str(SHIPPED / "stages.png")))
    return files


def on_page_markdown(markdown: str, **context: Any) -> str:
    """The page's text with every marked place filled in."""
    return filled(markdown)


def filled(markdown: str) -> str:
    """The text with every marked place filled in. Raises KeyError where a mark names nothing that is generated."""
    return MARK.sub(lambda mark: PARTS[mark["name"]](), markdown)


def commands() -> str:
    """Every command: usage, help, then arguments and options by panel, as `--help` has them."""
    from terrazzo.cli.app import command

    root = command()
    context = root.context_class(root, info_name="terrazzo")
    return "\n".join(line for name, each in root.commands.items() for line in _command(name, each, context))


def _command(name: str, command: Any, parent: Any) -> Iterator[str]:
    context = command.context_class(command, info_name=name, parent=parent)
    yield f"## terrazzo {name} {{: #{name} }}\n"
    yield "\n".join(" ".join(paragraph.split()) + "\n" for paragraph in (command.help or "").split("\n\n"))
    yield f"```text\nterrazzo {name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    for panel, records in _panels(command, context).items():
        yield f"**{panel}**\n"
        for option, text in records:
            yield f"`{option}`\n:   {_escaped(text) or 'No help.'}\n"


def _panels(command: Any, context: Any) -> Mapping[str, list[tuple[str, str]]]:
    """The records of a command's help by panel, in the order of the declarations; `--help` itself is left out."""
    return {
        panel: [record for record in records if "--help" not in record[0]]
        for panel, records in command.panels(context).items()
    }


def functions() -> str:
    """A mkdocstrings directive for each public function, and for what it returns."""
    import griffe

    import terrazzo

    package = griffe.load("terrazzo", search_paths=[str(ROOT / "src")])
    lines, shown = [], set()
    for name in terrazzo.__all__:
        if not name[0].islower():
            continue
        function = package[name].target
        lines.append(_directive(function.path, 2))
        for value in _returned(function):
            if value not in shown:
                shown.add(value)
                lines.append(_directive(value, 3))
    return "\n".join(lines)


def _directive(path: str, level: int) -> str:
    return f"::: {path}\n    options:\n      heading_level: {level}\n"


def _returned(function: Any) -> list[str]:
    """The classes of ours in a function's return annotation."""
    annotation = function.returns
    parts = [annotation] if hasattr(annotation, "canonical_path") else []
    if hasattr(annotation, "iterate"):
        parts += [part for part in annotation.iterate(flat=True) if hasattr(part, "canonical_path")]
    paths = list(dict.fromkeys(part.canonical_path for part in parts))
    if isinstance(annotation, str) and annotation != "None" and not paths:
        paths = [function.parent.resolve(annotation.strip("'\""))]
    return [path for path in paths if path.startswith("terrazzo.")]


def recipes() -> str:
    """What the shipped README says of the recipes, then the file of each."""
    import terrazzo

    text = (SHIPPED / "README.md").read_text(encoding="utf-8").split("\n", 1)[1]
    yamls = []
    for listed in terrazzo.recipes():
        name = listed.recipe.name
        body = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8").rstrip().replace("\n", "\n    ")
        yamls.append(f'??? note "{name}"\n    {_escaped(listed.recipe.about)}\n\n    ```yaml\n    {body}\n    ```\n')
    return f"{text}\n\n## The files\n\nFields that a file does not name have their default.\n\n" + "\n".join(yamls)


def recipe_fields() -> str:
    """Every field of a recipe by section: default and meaning."""
    from terrazzo.recipe.recipe import Recipe
    from terrazzo.recipe.sections import Stage

    sections = {name: field.annotation for name, field in Recipe.model_fields.items() if _is_section(field.annotation)}
    sections["stages"] = Stage
    lines = []
    for name, section in sections.items():
        about = " ".join((section.__doc__ or "").split("\n\n")[0].split())
        lines += [f"### {name}\n", f"{_escaped(about)}\n", "| field | default | meaning |", "|---|---|---|"]
        for field, declared in section.model_fields.items():
            default = "required" if declared.is_required() else f"`{_yaml(declared.default)}`"
            lines.append(f"| `{name}.{field}` | {default} | {_cell(declared.description or '')} |")
        lines.append("")
    return "\n".join(lines)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and hasattr(annotation, "model_fields")


def _yaml(value: Any) -> str:
    """A default as one line of YAML."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    plain = json.loads(json.dumps(value))
    text: str = yaml.safe_dump(plain, default_flow_style=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...") or "''"


def layouts() -> str:
    """The layouts: name, what is looked for, and what it is."""
    import terrazzo.scenes.layouts as package

    lines = ["| layout | is recognised by | what it is |", "|---|---|---|"]
    for module in pkgutil.iter_modules(package.__path__):
        reader = importlib.import_module(f"{package.__name__}.{module.name}")
        entry = getattr(reader, "LAYOUT", None)
        expected = entry.expected if entry is not None else getattr(reader, "EXPECTED", None)
        if expected is not None:
            about = (reader.__doc__ or "").split("\n\n")[0]
            lines.append(f"| `{module.name.replace('_', '-')}` | {_cell(expected)} | {_cell(about)} |")
    return "\n".join(lines)


def metrics() -> str:
    """The metrics of the registry: name, title, what it says."""
    from terrazzo.evaluation import metrics as module

    lines = ["| entry | called | what it says |", "|---|---|---|"]
    for name, entry in getattr(module, "METRICS", {}).items():
        called = f"{entry.title} by class" if entry.per_class else entry.title
        lines.append(f"| `{name}` | {_cell(called)} | {_cell(entry.about)} |")
    return "\n".join(lines)


def degradations() -> str:
    """The degradations of the registry: kind, unit, strengths, what it does."""
    from terrazzo.evaluation import degradations as module

    lines = ["| kind | strengths | unit | what it does |", "|---|---|---|---|"]
    for name, entry in getattr(module, "DEGRADATIONS", {}).items():
        strengths = ", ".join(f"{strength:g}" for strength in entry.strengths)
        lines.append(f"| `{name}` | {strengths} | {_cell(entry.unit)} | {_cell(entry.about)} |")
    return "\n".join(lines)


def palettes() -> str:
    """The known palettes, each class with its colour."""
    from terrazzo.classes.palettes import PALETTES

    lines = ["| palette | classes in id order |", "|---|---|"]
    for name, schema in PALETTES.items():
        classes = (
            f'<span class="swatch" style="background: rgb{color}"></span>{_cell(each)}'
            for each, color in zip(schema.names, schema.colors, strict=True)
        )
        lines.append(f"| `{name}` | {', '.join(classes)} |")
    return "\n".join(lines)


def notebook() -> str:
    """The cells of docs/tutorial.ipynb below its title, code as code."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    texts = []
    for cell in cells:
        source = "".join(cell["source"])
        texts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    return "\n\n".join(texts).split("\n", 1)[1]


def _escaped(text: str) -> str:
    """Plain text as Markdown on one line."""
    return re.sub(r"([*_<\[])", r"\\\1", " ".join(text.split()))


def _cell(text: str) -> str:
    """Plain text as a cell of a table; what is between backquotes stays code."""
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()).replace("|", "\\|"))
    return "".join(piece if piece.startswith("`") else _escaped(piece) for piece in pieces)


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "degradations": degradations,
    "functions": functions,
    "layouts": layouts,
    "metrics": metrics,
    "notebook": notebook,
    "palettes": palettes,
    "recipes": recipes,
    "recipe fields": recipe_fields,
}
"""What can be generated, by the name in the mark."""
