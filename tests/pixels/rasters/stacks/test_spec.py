"""Words that name several rasters as one: what is a stack, what stays a path, and what is refused."""

from pathlib import Path

import pytest

from terrazzo.errors import InputError
from terrazzo.pixels.rasters.remote import Url
from terrazzo.pixels.rasters.stacks.spec import StackPath, stack_spec


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "ortho.tif",
        "height.tif",
        "ortho/a.tif",
        "heights/a.tif",
        "year=2020/a.tif",
        "a,dsm=b.tif",
        "x=1.tif",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def parts(word: object) -> list[tuple[str, str]]:
    spec = stack_spec(word)
    assert spec is not None
    return [(name, str(path)) for name, path in spec.parts]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("rgb=ortho.tif,dsm=height.tif", [("rgb", "ortho.tif"), ("dsm", "height.tif")]),
        (Path("rgb=ortho.tif,dsm=height.tif"), [("rgb", "ortho.tif"), ("dsm", "height.tif")]),
        ("rgb=ortho.tif, dsm=height.tif", [("rgb", "ortho.tif"), ("dsm", "height.tif")]),
        ("rgb=ortho/,dsm=heights/", [("rgb", "ortho"), ("dsm", "heights")]),
        ("rgb=ortho/*.tif,dsm=height.tif", [("rgb", "ortho/*.tif"), ("dsm", "height.tif")]),
        ("dsm=height.tif", [("dsm", "height.tif")]),
        ("B8A=year=2020/a.tif,B04=ortho.tif", [("B8A", "year=2020/a.tif"), ("B04", "ortho.tif")]),
        ("rgb=a,dsm=b.tif,nir=height.tif", [("rgb", "a,dsm=b.tif"), ("nir", "height.tif")]),
    ],
)
def test_each_part_has_its_name_and_file(word: object, expected: list[tuple[str, str]]) -> None:
    assert parts(word) == expected


def test_an_address_is_a_part_like_a_file() -> None:
    spec = stack_spec("rgb=https://host/a.tif?key=1,dsm=height.tif")
    assert spec is not None
    assert spec.parts == (("rgb", Url("https://host/a.tif?key=1")), ("dsm", Path("height.tif")))
    assert spec.paths == (Path("height.tif"),)
    assert str(spec) == "rgb=https://host/a.tif?...,dsm=height.tif"


@pytest.mark.parametrize(
    "word",
    [
        "ortho.tif",
        "year=2020/a.tif",
        "year=2020",
        "x=1.tif",
        "year=2020/*.tif",
        "https://host/a.tif?x=1,y=2",
        "a,dsm=b.tif",
    ],
)
def test_what_exists_under_its_own_name_is_no_stack(word: str) -> None:
    assert stack_spec(word) is None


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("rgb=ortho.tif,dsm=missing.tif", "missing.tif: no such file or folder; several rasters are named NAME=FILE"),
        ("year=1999/a.tif", "year=1999/a.tif: no such file or folder"),
        (
            "rgb=ortho.tif,height.tif",
            "rgb=ortho.tif,height.tif: no such file or folder; several rasters are named NAME=F",
        ),
        ("rgb=ortho.tif,dsm=", "rgb=ortho.tif,dsm=: dsm= names no file; expected NAME=FILE"),
        ("dsm=ortho.tif,DSM=height.tif", "gives the name dsm twice; give each raster a name of its own"),
        ("rgb=" + "x" * 300, "no such file or folder"),
        ("rgb=ftp://host/a.tif,dsm=height.tif", "ftp://host/a.tif: is an address that"),
        (Path("rgb=https://host/a.tif,dsm=height.tif"), "https:/host/a.tif: is an address that is not read here"),
    ],
)
def test_what_names_no_raster_is_refused_in_one_line(word: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        stack_spec(word)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stack_is_called_by_its_first_file() -> None:
    path = StackPath((("rgb", Path("tiles/ortho.tif")), ("dsm", Path("height.tiff"))))
    assert (path.name, path.suffix, str(path)) == ("ortho.tif", ".tif", "rgb=tiles/ortho.tif,dsm=height.tiff")
    assert path.absolute().parts[1][1] == Path.cwd() / "height.tiff"
