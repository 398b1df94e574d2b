"""suggest.gpkg in QGIS itself: its styles are taken, an edit is saved, and what was corrected is learnt.

QGIS runs without a screen, in the Python of the system (Debian's package python3-qgis).
"""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest

import terrazzo
from terrazzo.classes.schema import IGNORE
from terrazzo.cli import run
from terrazzo.model.header import read_header
from terrazzo.patches.folder import open_patches
from tests.worlds.models import COLORS, NAMES
from tests.worlds.quarters import knowing_model, town
from tests.worlds.rasters import write_raster

PYTHON = "/usr/bin/python3"
BOX, BOXES = 32, 4

SESSION = """
import json
import os
from qgis.core import Qgis, QgsApplication, QgsMapRendererParallelJob, QgsMapSettings, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QSize

application = QgsApplication([], False)
application.initQgis()
told = {}
layers = {name: QgsVectorLayer(f"suggest.gpkg|layername={name}", name) for name in ("boxes", "polygons")}
for name, layer in layers.items():
    renderer = layer.renderer()
    told[name] = {"valid": layer.isValid(), "crs": layer.crs().authid(), "renderer": renderer.type()}
    told[name]["fields"] = [field.name() for field in layer.fields()]
boxes, polygons = layers["boxes"], layers["polygons"]
renderer = polygons.renderer()
told["attribute"] = renderer.classAttribute()
colors = {each.value(): each.symbol().color() for each in renderer.categories()}
told["colors"] = {name: [color.red(), color.green(), color.blue()] for name, color in colors.items()}
told["opacity"] = [color.alpha() for color in colors.values()]
fill = boxes.renderer().symbol().symbolLayer(0)
told["fill of boxes"] = int(fill.brushStyle())

scene = QgsRasterLayer("scene.tif", "scene")
settings = QgsMapSettings()
settings.setLayers([boxes, polygons, scene])
settings.setDestinationCrs(scene.crs())
settings.setExtent(scene.extent())
settings.setOutputSize(QSize(scene.width(), scene.height()))
job = QgsMapRendererParallelJob(settings)
job.start()
job.waitForFinished()
job.renderedImage().save("rendered.png")

box = next(each for each in boxes.getFeatures() if each["rank"] == 1)
inside = [each for each in polygons.getFeatures() if box.geometry().contains(each.geometry().pointOnSurface())]
largest = max(inside, key=lambda each: each.geometry().area())
told["before"] = largest["class"]
for layer, feature, field, value in ((polygons, largest, "class", "pool"), (boxes, box, "checked", True)):
    assert layer.startEditing()
    assert layer.changeAttributeValue(feature.id(), layer.fields().indexOf(field), value)
    assert layer.commitChanges(), layer.commitErrors()
told["edited"] = largest.geometry().area()
told["checked area"] = box.geometry().area()
told["version"] = Qgis.QGIS_VERSION
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)  # what Qt does at the end is no part of the test
"""


def environment() -> dict[str, str]:
    """That of the system's Python: nothing of the one that runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {**kept, "QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin"}


@cache
def missing() -> str | None:
    """Why there is no QGIS to ask; None if there is one."""
    if not Path(PYTHON).is_file():
        return f"there is no {PYTHON}"
    asked = subprocess.run(
        [PYTHON, "-c", "import qgis.core"], capture_output=True, text=True, env=environment(), check=False
    )
    return asked.stderr.strip().splitlines()[-1] if asked.returncode else None


pytestmark = pytest.mark.skipif(
    missing() is not None, reason=f"{PYTHON} has no QGIS (Debian: python3-qgis): {missing()}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with scene.tif, model.safetensors, and suggest.gpkg as QGIS left it."""
    folder = tmp_path_factory.mktemp("qgis")
    knowing_model(folder / "model.safetensors")
    write_raster(folder / "scene.tif", town(200, 330), photometric="RGB")
    terrazzo.suggest(
        folder / "model.safetensors", folder / "scene.tif", out=folder / "suggest.gpkg", boxes=BOXES, box_size=BOX,
        device="cpu", precision="32",
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    """What QGIS says of the layers, before it edits them."""
    done = subprocess.run(
        [PYTHON, "-c", SESSION], capture_output=True, text=True, env=environment(), cwd=folder, check=False
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("TOLD ")] or [
        f"{done.returncode}: {done.stderr}"
    ]
    assert line.startswith("TOLD "), line
    return dict(json.loads(line.removeprefix("TOLD ")))


def test_qgis_opens_both_layers_in_the_crs_of_the_scene(told: dict[str, Any]) -> None:
    assert {name: told[name]["valid"] for name in ("boxes", "polygons")} == {"boxes": True, "polygons": True}
    assert {told[name]["crs"] for name in ("boxes", "polygons")} == {"EPSG:32618"}
    assert told["boxes"]["fields"][1:] == ["rank", "reason", "uncertainty", "novelty", "checked"]
    assert told["polygons"]["fields"][1:] == ["class", "confidence"]


def test_qgis_takes_the_stored_styles(told: dict[str, Any]) -> None:
    assert (told["boxes"]["renderer"], told["polygons"]["renderer"]) == ("singleSymbol", "categorizedSymbol")
    assert told["fill of boxes"] == 0, "an outline, without a fill"
    assert told["attribute"] == "class"
    assert told["colors"] == dict(zip(NAMES, map(list, COLORS), strict=True))
    assert set(told["opacity"]) == {90}, "the scene stays visible"


def test_the_edit_is_in_the_file(folder: Path, told: dict[str, Any]) -> None:
    _, _, _, (classes,) = pyogrio.raw.read(folder / "suggest.gpkg", layer="polygons", columns=["class"])
    assert told["before"] in NAMES
    assert classes.tolist().count("pool") == 1
    _, _, _, (ranks, checked) = pyogrio.raw.read(folder / "suggest.gpkg", layer="boxes", columns=["rank", "checked"])
    assert ranks[checked].tolist() == [1]


def test_what_was_corrected_is_prepared_and_learnt(
    folder: Path, told: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    model, patches, out = (str(folder / name) for name in ("model.safetensors", "corrections", "run"))
    scene, corrected = str(folder / "scene.tif"), str(folder / "suggest.gpkg")
    assert run(["prepare", scene, corrected, "--for", model, "--out", patches]) == 0
    capsys.readouterr()
    prepared = open_patches(Path(patches))
    assert prepared.schema.names == (*NAMES, "pool")
    ids = np.asarray(prepared.masks)
    assert told["checked area"] == pytest.approx(BOX**2 / 4)  # pixels of 0.5 m
    assert (ids != IGNORE).sum() == BOX**2, "the checked box alone is labelled"
    assert (ids == 3).sum() == pytest.approx(4 * told["edited"], abs=BOX), "the polygon that was given another class"
    assert run(["train", patches, "--from", model, "--set", "train.steps=2", "--device", "cpu", "--out", out]) == 0
    assert read_header(Path(out) / "model.safetensors").schema.names == (*NAMES, "pool")
