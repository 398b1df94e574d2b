"""The file of a taxonomy: what it says, and what is refused, each in one line with the entry."""

from pathlib import Path

import pytest

from terrazzo.errors import ClassTableError
from terrazzo.scenes.sources.taxonomy import ClassEntry, SourceEntry, read_taxonomy


def written(folder: Path, text: str) -> Path:
    path = folder / "taxonomy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_the_file_says(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
sources:
  - {name: dubai, images: data/dubai, gsd_m: 0.5}
  - {images: ortho.tif, labels: parcels.gpkg}
  - {name: both, images: "rgb=a.tif,dsm=b.tif"}
classes:
  - {name: Building, color: "#C83232", from: [dubai/Building, roof]}
  - {name: 7, color: [1, 2, 3], from: water}
""",
    )
    found = read_taxonomy(path)
    assert found.sources == (
        SourceEntry("dubai", str(tmp_path / "data/dubai"), None, 0.5),
        SourceEntry(None, str(tmp_path / "ortho.tif"), str(tmp_path / "parcels.gpkg"), None),
        SourceEntry("both", f"rgb={tmp_path / 'a.tif'},dsm={tmp_path / 'b.tif'}", None, None),
    )
    assert found.classes == (
        ClassEntry("Building", (200, 50, 50), ("dubai/Building", "roof")),
        ClassEntry("7", (1, 2, 3), ("water",)),
    )


ONE = "classes: [{name: a, from: [b]}]\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("classes: [", "not valid YAML"),
        ("classes: 2020-13-45", "not valid YAML"),
        ("- a", "the file: expected sources and classes, found ['a']"),
        ("", "the file: expected sources and classes, found None"),
        ("sources: []", "has no classes"),
        ("classes: {a: b}", "classes: expected a list"),
        ("classes: [a]", "class 1: expected name and color and from, found 'a'"),
        ("classes: [{from: [b]}]", "class 1: has no name"),
        ("classes: [{name: a}]", "class a: expected from: [NAME or SOURCE/NAME, ...], found None"),
        ("classes: [{name: a, from: []}]", "class a: expected from"),
        ("classes: [{name: a, from: [b], colour: red}]", "class 1: unknown key 'colour'; expected name, color, from"),
        ("classes: [{name: a, from: [b], color: red}]", "class a: 'red' is not a colour"),
        (
            "classes:\n- name: a\n  color: #C83232\n  from: [b]",
            "color: #C83232 begins a comment in YAML; put it in quotes",
        ),
        ("classes: [{name: a, color: #FFF, from: [b]}]", "color: #FFF begins a comment in YAML; put it in quotes"),
        ("classes: [{name: yes, from: [b]}]", "class 1: expected a text as name, found True; put it in quotes"),
        ("classes: [{name: a, from: [b]}, {name: a, from: [c]}]", "classes: a is given twice"),
        (
            'classes: [{name: a, color: "#010203", from: [b]}, {name: c, color: "#010203", from: [d]}]',
            "colours of classes: #010203 is given twice",
        ),
        (f"{ONE}labels: a", "the file: unknown key 'labels'; expected sources, classes"),
        (f"{ONE}sources: [a]", "source 1: expected name and images and labels and gsd_m, found 'a'"),
        (f"{ONE}sources: [{{gsd_m: 1}}]", "source 1: has neither a name nor images"),
        (f"{ONE}sources: [{{name: a/b, images: c}}]", "source a/b: its name has a slash"),
        (f"{ONE}sources: [{{name: a, gsd: 1}}]", "source 1: unknown key 'gsd'"),
        (f"{ONE}sources: [{{name: a, gsd_m: 0}}]", "source a: expected metres per pixel as gsd_m, above 0, found 0"),
        (f"{ONE}sources: [{{name: a, gsd_m: .inf}}]", "source a: expected metres per pixel as gsd_m"),
        (f"{ONE}sources: [{{name: a, images: b}}, {{name: a, images: c}}]", "sources: a is given twice"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_file_and_entry(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ClassTableError) as caught:
        read_taxonomy(path)
    assert str(caught.value).startswith(f"--taxonomy {path}: {words}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ClassTableError, match=r"none.yaml: cannot be read \(No such file"):
        read_taxonomy(tmp_path / "none.yaml")
