"""Exports of annotation tools, each read by the command that the docs name."""

from pathlib import Path

import numpy as np
import pytest

from terrazzo.cli import run
from terrazzo.patches.folder import open_patches
from tests.layouts.annotated import ANNOTATED, AnnotatedReplica, place


@pytest.mark.parametrize("replica", ANNOTATED, ids=[one.title.replace(" ", "-") for one in ANNOTATED])
def test_the_command_of_the_docs_reads_them(
    replica: AnnotatedReplica, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = place(replica, tmp_path / "set")
    words = replica.words.replace("DATA", str(root)).split()
    options = ["--background", "ground", "--patch-size", "32"]
    assert run(["inspect", *words, *options]) == 0, capsys.readouterr()
    assert run(["prepare", *words, *options, "--out", str(tmp_path / "out")]) == 0, capsys.readouterr()
    patches = open_patches(tmp_path / "out")
    counts = np.bincount(np.asarray(patches.masks).ravel(), minlength=3)
    by_name = dict(zip(patches.schema.names, counts.tolist(), strict=False))
    n = len(replica.images)
    assert by_name == {"ground": 2048 * n, "road": 1024 * n, "building": 1024 * n}


def test_splits_of_roboflow_are_taken(tmp_path: Path) -> None:
    root = place(ANNOTATED[0], tmp_path / "set")
    words = ["prepare", str(root), "--background", "ground", "--patch-size", "32", "--out", str(tmp_path / "out")]
    assert run(words) == 0
    assert open_patches(tmp_path / "out").description["splits"] == {"train": 8, "val": 4, "test": 0}
