"""Stacks of files on a web server and on this machine."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from terrazzo.errors import ImageError
from terrazzo.pixels.rasters.stacks.spec import stack_spec
from terrazzo.pixels.rasters.stacks.stack import read_image
from tests.worlds.rasters import noise
from tests.worlds.stacks import stack_path, write_ortho, write_plane

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which a web server shows it."""
    folder = tmp_path_factory.mktemp("server")
    words = [sys.executable, "-m", "tests.worlds.range_server", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        yield folder, f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()


@pytest.mark.parametrize("words", ["rgb={1}/ortho.tif,dsm={0}/height.tif", "rgb={0}/ortho.tif,dsm={1}/height.tif"])
def test_a_part_on_a_server_is_read_like_a_file(server: tuple[Path, str], words: str) -> None:
    write_ortho(server[0] / "ortho.tif")
    write_plane(server[0] / "height.tif")
    here = read_image(stack_path(f"rgb={server[0]}/ortho.tif,dsm={server[0]}/height.tif"))
    there = read_image(stack_path(words.format(*server)))
    with here.open() as one, there.open() as other:
        np.testing.assert_array_equal(one.read(), other.read())
        np.testing.assert_array_equal(other.read([1, 2, 3]), noise(3, 60, 80))
    assert there.identity != here.identity
    assert there.path.name == "ortho.tif"
    assert there.absolute().path.parts[1][1].name == "height.tif"  # type: ignore[union-attr]


def test_a_part_that_is_not_there_is_one_line(server: tuple[Path, str]) -> None:
    write_ortho(server[0] / "ortho.tif")
    spec = stack_spec(f"rgb={server[0]}/ortho.tif,dsm={server[1]}/gone.tif")
    assert spec is not None
    with pytest.raises(ImageError, match=r"gone.tif: the server answers 404 Not Found"):
        read_image(spec.one)
