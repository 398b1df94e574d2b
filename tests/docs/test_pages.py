"""The pages: every link, picture, path and module that they name exists, and so does every page that the code names."""

import ast
import importlib.util
import re
import textwrap
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "src/terrazzo/recipe/shipped/README.md", *PAGES]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def hook() -> ModuleType:
    """docs/hooks/generated.py, which fills pages in."""
    spec = importlib.util.spec_from_file_location("generated", DOCS / "hooks" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def text_of(path: Path) -> str:
    """A document as a reader sees it, its generated parts in place; of the functions only the mark."""
    text = path.read_text(encoding="utf-8")
    return text if "generated: functions" in text or path not in PAGES else str(hook().filled(text))


def prose(text: str) -> str:
    """The text without indented and fenced code."""
    return re.sub(r"(?ms)^```.*?^```|^    .*?$", "", text)


def anchors(path: Path) -> set[str]:
    """The ids of a page's headings, as both the site and a repository's own view make them."""
    found = set()
    for heading in re.findall(r"(?m)^#{1,6} (.+)$", re.sub(r"(?ms)^```.*?^```", "", text_of(path))):
        given = re.search(r"\{: #([\w-]+) ?\}", heading)
        plain = re.sub(r"[^\w\s-]", "", heading).strip().lower()
        found.add(given[1] if given else re.sub(r"\s+", "-", plain))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_and_picture_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text_of(path))):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        generated = there == DOCS / "reference" / "stages.png"  # the recipes page shows their own README's picture
        assert there.is_file() or generated, f"{target}: no such file"
        assert not anchor or anchor in anchors(there), f"{target}: no such heading; there are {sorted(anchors(there))}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_path_and_module_that_a_page_names_is_there(path: Path) -> None:
    text = text_of(path)
    for name in re.findall(r"(?<![\w/.])(?:src|tests|docs|benchmarks)/[\w./-]*[\w/]", text):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`((?:\w+/)+\w+\.(?:py|yaml|j2))`", text):
        assert any((root / name).is_file() for root in (ROOT, ROOT / "src" / "terrazzo")), name
    for name in re.findall(r"python -m ((?:benchmarks|tests)[\w.]*)", text):
        assert (ROOT / name.replace(".", "/")).with_suffix(".py").is_file(), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_python_in_a_page_is_python(path: Path) -> None:
    for block in re.findall(r"(?m)(?:^    .*\n(?:\n(?=    ))*)+", text_of(path)):
        code = textwrap.dedent(block)
        if re.match(r"(?:import|from) \w+", code):
            ast.parse(code)


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    entries = yaml.safe_load(text)["nav"]
    named = [page for entry in entries for value in entry.values() for page in pages_of(value)]
    assert sorted(named) == [path.relative_to(DOCS).as_posix() for path in PAGES]


def pages_of(value: str | list[dict[str, str]]) -> list[str]:
    return [value] if isinstance(value, str) else [page for entry in value for page in entry.values()]


def test_every_page_that_the_code_names_is_there() -> None:
    for folder in ("src", "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in re.findall(r"\bdocs/[\w/-]+\.(?:md|ipynb|py)", path.read_text(encoding="utf-8")):
                assert (ROOT / name).is_file(), f"{name_of(path)} names {name}"


def test_every_picture_is_shown() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    assert [path.name for path in (DOCS / "pictures").iterdir() if f"pictures/{path.name}" not in text] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_lock_names_no_address() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")
