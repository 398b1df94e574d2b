"""A scene unlike the training data is told, with the number; one of a training place is not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import terrazzo
from terrazzo.maps.engines import local
from terrazzo.maps.predict import Maps
from terrazzo.maps.rasters import looking
from terrazzo.model.bundle import Bundle
from terrazzo.model.familiarity.reference import Seen
from terrazzo.model.header import read_header
from tests.worlds.mapping import contents
from tests.worlds.rasters import write_raster
from tests.worlds.striped import SMALL, striped_patches

FOREIGN, OWN = "foreign", "own"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """run/model.safetensors, trained on stripes; own.tif of a training image, foreign.tif its negative; as .png too."""
    folder = tmp_path_factory.mktemp("familiarity")
    patches = striped_patches(folder, 6)
    terrazzo.train(patches, out=folder / "run", recipe="unet", epochs=2, changes=SMALL, device="cpu")
    with Image.open(folder / "data" / "images" / "p0.png") as image:
        own = np.asarray(image.convert("RGB"))
    for name, pixels in ((OWN, own), (FOREIGN, 255 - own)):
        write_raster(folder / f"{name}.tif", np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def mapped(world: Path, out: Path, *names: str, **options: Any) -> tuple[list[str], Maps]:
    """The lines about familiarity that mapping these inputs says, and the maps."""
    said: list[str] = []
    words: dict[str, Any] = {"device": "cpu", "vector_format": "none"} if names[0].endswith(".tif") else {}
    maps = terrazzo.predict(
        world / "run" / "model.safetensors",
        [world / name for name in names],
        out=out,
        say=said.append,
        **words | options,
    )
    return [line for line in said if "unlike the training data" in line], maps


def test_a_foreign_raster_is_told_with_its_number_and_one_of_a_training_place_is_not(
    world: Path, tmp_path: Path
) -> None:
    lines, maps = mapped(world, tmp_path / "maps", "own.tif", "foreign.tif")
    own, foreign = (json.loads((tmp_path / "maps" / name / "run.json").read_text()) for name in (OWN, FOREIGN))
    stated = read_header(world / "run" / "model.safetensors").familiarity
    assert stated is not None
    assert set(own["familiarity"]) == {"distance", "threshold", "unlike"}
    assert own["familiarity"]["threshold"] == pytest.approx(stated.threshold, abs=1e-3)
    assert own["familiarity"]["distance"] <= stated.threshold < foreign["familiarity"]["distance"]
    assert (own["familiarity"]["unlike"], foreign["familiarity"]["unlike"]) == (False, True)
    (line,) = lines
    assert line.startswith(f"warning: {world / 'foreign.tif'} is unlike the training data: feature distance ")
    assert f"feature distance {foreign['familiarity']['distance']:.2g} (limit {stated.threshold:.2g};" in line
    assert maps.rasters[1].record["familiarity"] == foreign["familiarity"]


def test_kept_maps_are_not_told_again(world: Path, tmp_path: Path) -> None:
    mapped(world, tmp_path, "foreign.tif")
    assert mapped(world, tmp_path, "foreign.tif")[0] == []


def test_photos_are_told_in_one_line(world: Path, tmp_path: Path) -> None:
    lines, _ = mapped(world, tmp_path / "both", "own.png", "foreign.png")
    (line,) = lines
    assert line.startswith(
        "warning: 1 of 2 images is unlike the training data, most of all foreign.png: feature distance"
    )
    assert mapped(world, tmp_path / "one", "own.png")[0] == []
    (line,) = mapped(world, tmp_path / "other", "foreign.png")[0]
    assert line.startswith("warning: foreign.png is unlike the training data: feature distance ")


def test_of_many_rasters_three_are_named(world: Path, tmp_path: Path) -> None:
    names = [f"f{number}.tif" for number in range(5)]
    for name in names:
        (world / name).write_bytes((world / "foreign.tif").read_bytes())
    lines, _ = mapped(world, tmp_path, *names)
    assert len(lines) == 4
    assert lines[3] == ("warning: 2 more rasters are unlike the training data; run.json of each has its distance")


def test_the_bytes_of_a_map_do_not_depend_on_the_measure(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"confidence": True, "vector_format": "geojson"}
    mapped(world, tmp_path / "with", "foreign.tif", **options)
    monkeypatch.setattr(Bundle, "distances", lambda self, pixels: None)
    mapped(world, tmp_path / "without", "foreign.tif", **options)
    assert contents(tmp_path / "with" / FOREIGN) == contents(tmp_path / "without" / FOREIGN)
    assert json.loads((tmp_path / "without" / FOREIGN / "run.json").read_text())["familiarity"] is None


def test_a_resumed_map_takes_the_number_from_its_journal(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = local.compute_pieces

    def cut_short(*words: Any) -> Any:
        yield next(iter(whole(*words)))
        raise KeyboardInterrupt

    options = {"window": 32, "overlap": 8, "max_memory": None}
    with monkeypatch.context() as patch:
        patch.setattr(local, "compute_pieces", cut_short)
        patch.setattr(looking.Looking, "_measured", lambda self, job: Seen(7.25, 1.0))
        with pytest.raises(KeyboardInterrupt):
            mapped(world, tmp_path, "own.tif", **options)
    monkeypatch.setattr(looking.Looking, "_measured", lambda self, job: pytest.fail("measured again"))
    (line,), _ = mapped(world, tmp_path, "own.tif", **options)
    assert "feature distance 7.2" in line
    assert json.loads((tmp_path / OWN / "run.json").read_text())["familiarity"]["distance"] == 7.25


def test_exports_state_no_familiarity(world: Path, tmp_path: Path) -> None:
    """And so say nothing, as files of earlier versions."""
    pytest.importorskip("h5py")
    path = tmp_path / "model.h5"
    terrazzo.export(world / "run" / "model.safetensors", format="h5", out=path)
    assert read_header(path).familiarity is None
    assert terrazzo.load(path, device="cpu").distances(np.zeros((1, 3, 32, 32), np.uint8)) is None
    said: list[str] = []
    terrazzo.predict(path, world / "foreign.png", out=tmp_path / "maps", device="cpu", say=said.append)
    assert not any("unlike the training data" in line for line in said)
