"""What the version before the rooms wrote is still read: a model file, a folder of patches, a killed run's journal.

tests/worlds/version_0_1 was written by that version: striped patches of 32 px, a U-Net trained on them for two epochs,
a raster without a CRS, and its map killed after two of six pieces (`--window 32 --overlap 8 --device cpu --precision
32 --confidence --probabilities`).
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio

import terrazzo
from terrazzo.patches.folder import open_patches

WRITTEN = Path(__file__).parent / "worlds" / "version_0_1"
MODEL = WRITTEN / "model.safetensors"
OPTIONS = {"window": 32, "overlap": 8, "device": "cpu", "precision": "32", "confidence": True, "probabilities": True}


def test_its_model_opens_and_predicts() -> None:
    bundle = terrazzo.load(MODEL, device="cpu", precision="32")
    stripes = np.zeros((32, 60, 3), np.uint8)
    stripes[:, :, 0], stripes[:, 20:40] = 130, (30, 140, 30)
    ids, probs = bundle.predict(stripes)
    assert bundle.header.schema.names == ("roof", "road", "lake")
    assert ids.shape == (32, 60)
    assert np.allclose(probs.sum(axis=0), 1, atol=1e-5)
    assert "unet" in " ".join(terrazzo.inspect(MODEL).lines()).lower()


def test_its_patches_open_and_are_scored() -> None:
    patches = open_patches(WRITTEN / "patches")
    assert (len(patches), patches.patch_size) == (18, 32)
    scores = terrazzo.evaluate(MODEL, WRITTEN / "patches", split="train", device="cpu", precision="32").scores
    assert scores["accuracy"] > 0.5


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_its_half_finished_map_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(WRITTEN, tmp_path / "w")
    raster, journal = tmp_path / "w" / "scene.tif", tmp_path / "w" / "maps" / "scene" / ".partial"
    os.utime(raster, ns=(1_700_000_000 * 10**9,) * 2)  # the time is a part of the key, and a copy has a time of its own
    recorded = json.loads((journal / "key.json").read_text())
    assert len(list(journal.glob("piece-*.npz"))) == 2
    monkeypatch.setattr("terrazzo.maps.jobs.job.library_versions", lambda: recorded["library_versions"])
    done = terrazzo.predict(tmp_path / "w" / "model.safetensors", raster, out=tmp_path / "w" / "maps", **OPTIONS)
    record = done.rasters[0].record
    assert (record["pieces"], record["pieces_computed"]) == (6, 4)
    assert not journal.exists()
    layer = {"layer": "classes", "columns": ["second_class"]}
    seconds = pyogrio.raw.read(done.rasters[0].folder / "classes.gpkg", **layer)[3][0]
    assert None in seconds, "its pieces have no second classes, so those of their polygons are not known"

    fresh = terrazzo.predict(tmp_path / "w" / "model.safetensors", raster, out=tmp_path / "fresh", **OPTIONS)
    for name in ("classes.tif", "confidence.tif", "probabilities.tif"):
        with (
            rasterio.open(done.rasters[0].folder / name) as resumed,
            rasterio.open(fresh.rasters[0].folder / name) as whole,
        ):
            assert np.mean(resumed.read() == whole.read()) > 0.999, name  # processors round in their own ways


def test_unfinished_work_under_other_libraries_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(WRITTEN, tmp_path / "w")
    monkeypatch.setattr("terrazzo.maps.jobs.job.library_versions", lambda: {"torch": "0.0"})
    with pytest.raises(terrazzo.TerrazzoError, match="unfinished work of another"):
        terrazzo.predict(MODEL, tmp_path / "w" / "scene.tif", out=tmp_path / "w" / "maps", **OPTIONS)
