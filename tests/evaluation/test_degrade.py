"""`evaluate --degrade`: degrade.csv, its rows in scores.json, and what is kept, completed and resumed.

The model names each pixel after its brightest band, so its score falls only where a degradation changes which one that
is. Classes are Red, Green and Blue in stripes of 3 px, with every fifth row ignored.
"""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import terrazzo
from terrazzo.cli import run
from terrazzo.errors import InputError, OutputExistsError, PatchesError
from terrazzo.evaluation.degradations import DEGRADATIONS
from terrazzo.evaluation.degrade import kinds_for
from terrazzo.evaluation.evaluate import Evaluation
from terrazzo.model.normalization import Normalization
from terrazzo.patches.folder import open_patches
from tests.worlds.deep import CLASSES, name_bands, write_labels
from tests.worlds.handmade import write
from tests.worlds.models import write_model
from tests.worlds.rasters import write_raster

BANDS = np.array([[180, 100, 90], [90, 180, 100], [100, 90, 180]], np.uint8)  # what the model takes for each class
FILES = ["degrade.csv", "report.html", "scores.json", "worst.csv"]
N_STRENGTHS = sum(len(entry.strengths) for entry in DEGRADATIONS.values())


def ids_of(number: int) -> np.ndarray:
    """(40, 76) classes in diagonal stripes, a fifth ignored."""
    ids = (np.indices((40, 76)).sum(axis=0) // 3 + number) % 3
    ids[::5] = 255
    return ids.astype(np.uint8)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/patches and model.safetensors; nothing else may be written here."""
    root = tmp_path_factory.mktemp("degrade")
    for number in range(4):
        ids = ids_of(number)
        write(root / "data" / "images" / f"{number}.png", BANDS[np.where(ids == 255, 0, ids)])
        write(root / "data" / "masks" / f"{number}.png", ids)
    (root / "data" / "classes.csv").write_text("id,name\n0,Red\n1,Green\n2,Blue\n", encoding="utf-8")
    terrazzo.prepare(
        root / "data",
        classes=root / "data" / "classes.csv",
        out=root / "data" / "patches",
        patch_size=32,
        split="image",
    )
    write_model(root / "model.safetensors")
    return root


@pytest.fixture(scope="module")
def report(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished report with degraded images; tests copy it to change it."""
    out = tmp_path_factory.mktemp("degraded") / "report"
    evaluate(world, out)
    return out


def evaluate(world: Path, out: Path | None, degrade: bool = True, **options: object) -> Evaluation:
    given = {"device": "cpu", "precision": "32", **options}
    return terrazzo.evaluate(world / "model.safetensors", world / "data" / "patches", out=out, degrade=degrade, **given)  # type: ignore[arg-type]


def rows_of(report: Path) -> list[dict[str, str]]:
    with (report / "degrade.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_table_has_the_clean_images_first_and_then_each_kind_with_its_strengths(report: Path) -> None:
    rows = rows_of(report)
    assert list(rows[0]) == ["kind", "strength", "mean_iou", "accuracy"]
    wanted = [("clean", "0")]
    wanted += [(name, f"{strength:g}") for name, entry in DEGRADATIONS.items() for strength in entry.strengths]
    assert [(row["kind"], row["strength"]) for row in rows] == wanted
    assert sorted(path.name for path in report.iterdir()) == FILES


def test_the_clean_row_and_all_rows_are_those_of_scores_json(world: Path, report: Path) -> None:
    scores = json.loads((report / "scores.json").read_text(encoding="utf-8"))
    rows = rows_of(report)
    assert scores["degrade"] == [
        {"kind": row["kind"], **{name: float(row[name]) for name in ("strength", "mean_iou", "accuracy")}}
        for row in rows
    ]
    assert float(rows[0]["mean_iou"]) == scores["mean_iou"] == 1
    assert float(rows[0]["accuracy"]) == scores["accuracy"] == 1
    plain = evaluate(world, None, degrade=False).scores
    assert "degrade" not in plain
    assert {**plain, "degrade": scores["degrade"]} == scores


def test_curves_fall_where_the_answer_depends_on_the_degradation_and_nowhere_else(report: Path) -> None:
    """Stripes of 3 px are lost at a quarter of the resolution; haze and darkness keep the brightest band brightest.

    Half a stop of red over blue leaves a Blue pixel's blue, 180 / 2^0.25 = 151, above its red, 100 * 2^0.25 = 119.
    """
    scores = {(row["kind"], float(row["strength"])): float(row["mean_iou"]) for row in rows_of(report)}
    for kind in ("resolution", "jpeg", "blur", "noise"):
        strengths = DEGRADATIONS[kind].strengths
        assert scores[kind, strengths[-1]] < 0.8 < scores["clean", 0]
        assert scores[kind, strengths[-1]] < scores[kind, strengths[0]]
    for kind, strength in (("haze", 2), ("haze", 0.25), ("brightness", -2), ("contrast", -2), ("cast", 0.5)):
        assert scores[kind, strength] == 1, (kind, strength)


def test_a_row_is_what_counting_says(world: Path, report: Path) -> None:
    """A stop of red over blue takes Blue's 180 to 127 and its red to 141: all Blue is called Red, and nothing else.

    Ignored pixels do not count.
    """
    patches = open_patches(world / "data" / "patches")
    truth = patches.masks[patches.rows("val")]
    n = np.bincount(truth[truth != 255])
    row = next(row for row in rows_of(report) if (row["kind"], row["strength"]) == ("cast", "1"))
    assert float(row["accuracy"]) == pytest.approx((n[0] + n[1]) / n.sum())
    assert float(row["mean_iou"]) == pytest.approx((n[0] / (n[0] + n[2]) + 1 + 0) / 3)


def test_neither_batch_size_nor_order_changes_a_row(world: Path, report: Path, tmp_path: Path) -> None:
    evaluate(world, tmp_path / "report", batch_size=3)
    assert rows_of(tmp_path / "report") == rows_of(report)


def test_the_page_and_the_lines_have_the_curves(world: Path, report: Path) -> None:
    html = (report / "report.html").read_text(encoding="utf-8")
    assert html.count("<polyline") == len(DEGRADATIONS)
    assert html.count('<line class="clean"') == len(DEGRADATIONS)
    lines = evaluate(world, report).lines()
    at = lines.index("mean IoU of degraded images, strength: score; clean: 1.000")
    assert [line.split()[0] for line in lines[at + 1 : at + 9]] == list(DEGRADATIONS)
    assert lines[at + 1].split()[1:4:2] == ["(factor)", f"{float(rows_of(report)[1]['mean_iou']):.3f}"]
    assert all(len(line) <= 100 for line in lines)


def test_a_finished_table_is_kept_and_serves_for_plain_scores(world: Path, report: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in report.iterdir()}
    again, plain = evaluate(world, report), evaluate(world, report, degrade=False)
    assert again.kept
    assert plain.kept
    assert {path: path.stat().st_mtime_ns for path in report.iterdir()} == before


def test_a_plain_report_is_completed_and_not_kept(world: Path, report: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert not evaluate(world, out, degrade=False).kept
    done = evaluate(world, out)
    assert not done.kept
    assert rows_of(out) == rows_of(report)
    assert evaluate(world, out).kept
    (out / "degrade.csv").unlink()
    assert not evaluate(world, out).kept
    assert sorted(path.name for path in out.iterdir()) == FILES


def test_another_report_is_refused_and_overwritten_with_its_table(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    evaluate(world, out)
    with pytest.raises(OutputExistsError, match="already exists and is not a finished report of these inputs"):
        evaluate(world, out, split="train")
    evaluate(world, out, degrade=False, split="train", overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == FILES[1:]


SCRIPT = """
import os, signal, sys, terrazzo
def progress(what, done, total):
    if "noise" in what and done > total // 2:
        os.kill(os.getpid(), signal.SIGKILL)
terrazzo.evaluate(sys.argv[1], sys.argv[2], out=sys.argv[3], degrade=True, device="cpu", precision="32",
                  progress=progress)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_a_killed_command_is_resumed_and_ends_with_the_same_table(world: Path, report: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    words = [world / "model.safetensors", world / "data" / "patches", out]
    killed = subprocess.run([sys.executable, "-c", SCRIPT, *words], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in out.iterdir()] == [".degrade.partial.json"]
    with pytest.raises(OutputExistsError, match="already exists"):
        evaluate(world, out, batch_size=7)

    scored: set[str] = set()
    said: list[str] = []
    evaluate(world, out, progress=lambda what, done, total: scored.add(what), say=said.append)
    n_kept = sum(len(DEGRADATIONS[kind].strengths) for kind in ("resolution", "jpeg", "blur")) + 2
    assert said == [f"{out}: resuming after {n_kept} of {N_STRENGTHS} scores on degraded images"]
    assert scored == {
        "scoring patches",
        *(
            f"scoring degraded patches: {kind}, {number} of 8"
            for number, kind in enumerate(DEGRADATIONS, start=1)
            if number >= 4
        ),
    }
    assert (out / "degrade.csv").read_bytes() == (report / "degrade.csv").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == FILES


def test_rows_of_another_model_are_not_taken(world: Path, report: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    out.mkdir()
    (out / ".degrade.partial.json").write_text('{"key": "another", "rows": []}')
    with pytest.raises(OutputExistsError, match="already exists"):
        evaluate(world, out)
    evaluate(world, out, overwrite=True)
    assert rows_of(out) == rows_of(report)


def test_degraded_images_need_a_folder(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"^--degrade: is for --out FOLDER; add that, or leave --degrade out$"):
        evaluate(world, None)
    words = ["evaluate", str(world / "model.safetensors"), str(world / "data" / "patches"), "--degrade"]
    assert run(words) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_command_writes_the_table_and_names_it(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    words = ["evaluate", str(world / "model.safetensors"), str(world / "data" / "patches"), "--out", str(out)]
    assert run([*words, "--degrade"]) == 0
    assert f"wrote {out / 'degrade.csv'}" in capsys.readouterr().out.splitlines()


def raster_world(root: Path, names: tuple[str, ...], dtype: str = "uint16", missing: int = 8) -> Path:
    """The world as rasters of bands of these names; uint16 values are 20 times the levels. A corner is missing."""
    for number in range(4):
        ids, times = ids_of(number), 20 if dtype == "uint16" else 1
        bands = BANDS[np.where(ids == 255, 0, ids)].transpose(2, 0, 1)[: len(names)].astype(dtype) * times
        bands[:, :missing, :missing] = 0
        for folder in ("images", "labels"):
            (root / "data" / folder).mkdir(parents=True, exist_ok=True)
        path = root / "data" / "images" / f"{number}.tif"
        name_bands(write_raster(path, bands.astype(dtype), nodata=0, photometric="minisblack"), names)
        write_labels(root / "data" / "labels" / path.name, ids)
    folder = root / "data"
    terrazzo.prepare(
        folder / "images", folder / "labels", out=folder / "patches", patch_size=32, split="patch", val=0.5
    )
    n = len(names)
    spans = {"low": (0.0,) * n, "high": (5100.0,) * n, "clips": (False,) * n}
    deep = Normalization("bands", (0.0,) * n, (5100.0,) * n, dtype="uint16", **spans)  # type: ignore[arg-type]
    normalization = deep if dtype == "uint16" else None
    write_model(root / "model.safetensors", bands=n, normalization=normalization, names=CLASSES)  # type: ignore[arg-type]
    return root


def test_one_band_of_light_has_every_kind_but_a_cast(tmp_path: Path) -> None:
    said: list[str] = []
    evaluate(raster_world(tmp_path, ("pan",), "uint8"), tmp_path / "report", say=said.append)
    kinds = [row["kind"] for row in rows_of(tmp_path / "report")]
    assert list(dict.fromkeys(kinds)) == ["clean", *(kind for kind in DEGRADATIONS if kind != "cast")]
    assert said == ["--degrade: cast left out, as these images have no red, green and blue"]


def test_deep_bands_of_light_have_the_curves_of_8_bits(report: Path, tmp_path: Path) -> None:
    """Levels are the same, but nothing is rounded and the corner is not scored: the curves are close, not equal."""
    evaluate(raster_world(tmp_path, ("red", "green", "blue")), tmp_path / "report")
    found, of_8_bits = (
        {(row["kind"], row["strength"]): float(row["mean_iou"]) for row in rows_of(folder)}
        for folder in (tmp_path / "report", report)
    )
    assert found["clean", "0"] == 1
    for at in ("resolution", "4"), ("jpeg", "15"), ("blur", "3"), ("noise", "15"), ("cast", "1"), ("haze", "1"):
        assert found[at] == pytest.approx(of_8_bits[at], abs=0.06), at


def test_bands_of_heights_alone_are_refused(tmp_path: Path) -> None:
    patches = open_patches(raster_world(tmp_path, ("dsm", "slope", "aspect")) / "data" / "patches")
    words = r"patches: none of its bands \(dsm, slope, aspect\) is light by its name, and --degrade changes light alone"
    with pytest.raises(PatchesError, match=words):
        kinds_for(patches)
