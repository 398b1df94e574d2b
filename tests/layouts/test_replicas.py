"""Each replica of a public data set or tool's export is inspected and prepared as the table in the docs says."""

import shlex
from collections import Counter
from pathlib import Path

import pytest

from terrazzo.cli import run
from terrazzo.patches.folder import open_patches
from terrazzo.scenes.detect import find_scenes
from terrazzo.scenes.naming import Naming
from tests.layouts.build import Replica, build
from tests.layouts.replicas import BEGIN, END, PAGE, REPLICAS, table

PARAMETERS = pytest.mark.parametrize("replica", REPLICAS, ids=[one.title.replace(" ", "-") for one in REPLICAS])


def words(replica: Replica, root: Path) -> list[str]:
    """The command's arguments with the replica's paths."""
    given = [word.replace("DATA", str(root)) for word in shlex.split(replica.command)]
    return [*given, *(["--classes", str(root.parent / "classes.csv")] if replica.table else []), "--patch-size", "32"]


def naming(replica: Replica, root: Path) -> tuple[Path, Naming]:
    given = words(replica, root)
    paths = [
        Path(word) for word in shlex.split(replica.command.replace("DATA", str(root))) if word.startswith(str(root))
    ]
    patterns = {flag: given[given.index(flag) + 1] for flag in ("--image-suffix", "--mask-suffix") if flag in given}
    masks = paths[1] if len(paths) > 1 else None
    return paths[0], Naming(masks, patterns.get("--image-suffix"), patterns.get("--mask-suffix"))


@PARAMETERS
def test_the_pairs_splits_and_groups(replica: Replica, tmp_path: Path) -> None:
    root = build(replica, tmp_path / "set")
    found = find_scenes(naming(replica, root)[0], naming=naming(replica, root)[1])
    pairs = {(scene.image.where, scene.label.where) for scene in found.scenes}
    assert pairs == {(str(root / image), str(root / mask)) for image, mask in replica.pairs}
    assert bool(found.unpaired) == ("--unpaired skip" in replica.command)
    assert Counter(scene.split for scene in found.scenes if scene.split) == replica.splits
    n_groups = len({scene.group for scene in found.scenes})
    assert n_groups == (len(replica.pairs) if replica.n_groups is None else replica.n_groups)


@PARAMETERS
def test_it_is_inspected_and_prepared(replica: Replica, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = build(replica, tmp_path / "set")
    assert run(["inspect", *words(replica, root)]) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert replica.note in said
    split = [] if replica.splits else ["--split", "patch"]
    assert run(["prepare", *words(replica, root), "--out", str(tmp_path / "out"), *split]) == 0, capsys.readouterr()
    patches = open_patches(tmp_path / "out")
    assert len(patches) == 4 * len(replica.pairs)
    named = [name for name in replica.classes if name not in ("ignore", "unknown", "Void")]
    assert sorted(patches.schema.names) == sorted(named)


def test_the_table_of_the_docs_is_this_one() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0].strip() == table(), "run `python -m tests.layouts.replicas`"
    assert len(REPLICAS) >= 40
