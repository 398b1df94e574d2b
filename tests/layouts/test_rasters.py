"""Data sets of deep or many-banded GeoTIFFs: the refusal as pictures names the command that reads them."""

import shlex
from pathlib import Path

import pytest

from terrazzo.cli import run
from terrazzo.patches.folder import open_patches
from tests.layouts.rasters import CLASSES, RASTERS, RasterReplica, place


@pytest.mark.parametrize("replica", RASTERS, ids=[one.title.replace(" ", "-") for one in RASTERS])
def test_the_command_in_the_refusal_reads_them(
    replica: RasterReplica, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = place(replica, tmp_path / "my set")
    assert run(["inspect", str(root)]) == 2
    error = capsys.readouterr().err.strip()
    assert (
        f"{replica.what}, so it is read as a raster; give images and masks as two folders: terrazzo prepare " in error
    )
    words = shlex.split(error.split("terrazzo prepare ")[1])
    assert words == [word.replace("DATA", str(root)) for word in replica.words]
    (tmp_path / "classes.csv").write_text(CLASSES, encoding="utf-8")
    scale = ["--scale", "0,255"] if replica.dtype == "uint16" else []
    options = ["--classes", str(tmp_path / "classes.csv"), "--bands", "1,2,3", "--patch-size", "32", *scale]
    assert run(["prepare", *words, "--out", str(tmp_path / "out"), *options]) == 0, capsys.readouterr()
    assert len(open_patches(tmp_path / "out")) == 4 * len(replica.pairs)


def test_eight_bits_of_three_bands_stay_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = RasterReplica("", "", (("images/1.tif", "masks/1.tif"),), 3, "uint8", ("", ""))
    root = place(plain, tmp_path / "set")
    (tmp_path / "classes.csv").write_text(CLASSES, encoding="utf-8")
    words = ["--classes", str(tmp_path / "classes.csv"), "--patch-size", "32"]
    assert run(["inspect", str(root), *words]) == 0
    assert "layout flat, 1 image" in capsys.readouterr().out
