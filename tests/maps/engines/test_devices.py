"""Pieces shared among devices: the same bytes for any number, and what is refused."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.maps.engines import devices
from terrazzo.maps.engines.devices import DevicesEngine, check_devices, on_device
from terrazzo.maps.engines.options import EngineOptions
from terrazzo.maps.jobs.job import plan_map
from terrazzo.maps.jobs.options import MapOptions
from tests.worlds.mapping import Convolving, contents, holey, map_here, map_raster, model_file

OPTIONS = MapOptions(confidence=True, run=(1, 1))


class Device:
    """A device that counts its batches, and fails at the first where it is `broken`."""

    def __init__(self, model: Convolving, broken: bool = False) -> None:
        self.model, self.broken = model, broken
        self.header, self.batch_pixels = model.header, model.batch_pixels
        self.n_batches = 0

    def classify(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.n_batches += 1
        if self.broken:
            raise InputError("device 2: fell off the bus")
        return self.model.classify(pixels)

    def itself(self) -> "Device":
        """What opening it gives."""
        return self


@pytest.mark.parametrize("n", [1, 2, 3])
def test_no_byte_of_a_map_depends_on_how_many_devices_compute_it(tmp_path: Path, n: int) -> None:
    raster, file = holey(tmp_path / "a.tif", 107, 151), model_file(tmp_path)
    map_here(plan_map(raster, tmp_path / "one", file, OPTIONS), Convolving(file.header))
    models = [Device(Convolving(file.header)) for _ in range(n)]
    engine = DevicesEngine(lambda: models[0], None, tuple(partial(Device.itself, model) for model in models[1:]))
    record = map_raster(engine, plan_map(raster, tmp_path / "several", file, OPTIONS), lambda _: None)
    assert contents(tmp_path / "several") == contents(tmp_path / "one")
    assert record["computed_by"]["devices"] == n
    assert all(model.n_batches for model in models)


def test_what_ends_one_device_ends_the_map_and_the_rest_is_resumed(tmp_path: Path) -> None:
    raster, file = holey(tmp_path / "a.tif", 107, 151), model_file(tmp_path)
    models = [Device(Convolving(file.header)), Device(Convolving(file.header), broken=True)]
    engine = DevicesEngine(lambda: models[0], None, (lambda: models[1],))
    with pytest.raises(InputError, match="fell off the bus"):
        map_raster(engine, plan_map(raster, tmp_path / "map", file, OPTIONS), lambda _: None)
    map_here(plan_map(raster, tmp_path / "map", file, OPTIONS), Convolving(file.header))
    map_here(plan_map(raster, tmp_path / "whole", file, OPTIONS), Convolving(file.header))
    assert contents(tmp_path / "map") == contents(tmp_path / "whole")


def test_each_device_opens_all_models(tmp_path: Path) -> None:
    file = model_file(tmp_path)
    assert [each.device for each in on_device(replace(file, others=(file,)), 1).every] == ["cuda:1", "cuda:1"]


def test_what_is_no_set_of_gpus_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, means = model_file(tmp_path), {"device": "cpu", "precision": "32", "runtime": "torch"}
    monkeypatch.setattr(devices, "computes_on", lambda _: means)
    check_devices(file, 1)
    with pytest.raises(InputError, match="--devices 2: is for GPUs, and torch computes on the CPU here, with all its"):
        check_devices(file, 2)
    with pytest.raises(InputError, match="--device cuda:1: is one device, --devices 2 asks for more"):
        check_devices(replace(file, device="cuda:1"), 2)
    means["device"] = "cuda"
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(InputError, match="--devices 2: this torch sees 1 GPUs; use --devices 1 or fewer"):
        check_devices(file, 2)
    with pytest.raises(InputError, match="--devices 0: expected at least 1"):
        EngineOptions(devices=0)
    with pytest.raises(InputError, match="--devices 2: is for --engine local"):
        EngineOptions("dask", devices=2)
