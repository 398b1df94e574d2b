"""Laws of --max-memory: the peak stays below it, the cut follows it, and no value of a map depends on it."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from terrazzo.errors import InputError
from terrazzo.maps.engines.local import LocalEngine
from terrazzo.maps.engines.options import EngineOptions
from terrazzo.maps.jobs import job as jobs
from terrazzo.maps.jobs.job import RasterJob, Share, plan_map
from terrazzo.maps.jobs.memory_need import MemoryNeed, over_limit
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.pieces.lattice import cut
from terrazzo.maps.rasters import raster_map
from terrazzo.model.header import read_header
from terrazzo.model.opening import ModelFile
from terrazzo.model.windows.blend import cover
from terrazzo.model.windows.tiling import plan
from terrazzo.system.sizes import bytes_of, size_words
from tests.worlds.mapping import Convolving, contents, holey, map_here, map_raster, mapped, model_file
from tests.worlds.models import write_model
from tests.worlds.rasters import noise, write_raster

NEED = MemoryNeed(fixed=1_000_000, batch=50_000, polygons=60_000, pixel=10, row_pixel=2, window=32)


def test_a_need_worked_by_hand() -> None:
    """1,000,000 + 50,000 + 40 x 100 pixels of 10 bytes + 32 x 100 of 2; small pieces take less than polygons."""
    assert NEED.of(40, 100) == 1_096_400
    assert NEED.of(32, 20) == 1_060_000


def test_a_larger_limit_never_gives_smaller_pieces() -> None:
    axes = (cover(700, 32, 8), cover(1100, 32, 8))
    found = [cut(axes, 3, fits=NEED.fits(limit)) for limit in range(1_000_000, 9_000_000, 50_000)]
    pixels = [lattice.rows.longest * lattice.cols.longest for lattice in found]
    assert pixels == sorted(pixels)
    assert pixels[0] == 32 * 32, "of one window at least"
    assert len(set(pixels)) > 10
    for lattice, limit in zip(found, range(1_000_000, 9_000_000, 50_000), strict=True):
        assert lattice.rows.run == 1 or NEED.of_lattice(lattice) <= limit


def planned(tmp_path: Path, raster: Path, limit: int | None, **options: Any) -> RasterJob:
    return plan_map(raster, tmp_path / "map", model_file(tmp_path), MapOptions(max_memory=limit, **options))


def floor_of(tmp_path: Path, raster: Path) -> int:
    job = planned(tmp_path, raster, None, run=(1, 1))
    assert job.need is not None
    return job.need.of_lattice(job.lattice)


def test_below_the_floor_it_is_refused_with_the_floor(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    floor = floor_of(tmp_path, raster)
    with pytest.raises(InputError) as caught:
        planned(tmp_path, raster, floor - 10_000_000)
    assert f"this model and raster take at least {size_words(floor)}; give that much" in str(caught.value)
    smallest = planned(tmp_path, raster, floor).lattice
    assert (smallest.rows.run, smallest.cols.run) == (1, 1)
    assert bytes_of(size_words(floor)) >= floor


def test_the_limit_is_not_in_the_key_and_memory_that_is_not_free_is_not_planned_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raster = write_raster(tmp_path / "a.tif", noise(3, 600, 800))
    floor = floor_of(tmp_path, raster)
    whole = planned(tmp_path, raster, None)
    less = planned(tmp_path, raster, floor + 8_000_000)
    assert whole.key == less.key
    monkeypatch.setattr(jobs, "free_bytes", lambda: floor)
    scarce = planned(tmp_path, raster, None)
    assert len(whole.lattice.pieces) == 1 < len(less.lattice.pieces) <= len(scarce.lattice.pieces)
    monkeypatch.setattr(jobs, "free_bytes", lambda: 0)
    assert planned(tmp_path, raster, None).lattice.rows.run == 1, "tried with the smallest, not refused"


def test_workers_of_a_machine_share_the_limit_and_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raster = write_raster(tmp_path / "a.tif", noise(3, 600, 800))
    floor = floor_of(tmp_path, raster)
    limit = floor + 8_000_000

    def cut_among(n: int, to: int | None) -> int:
        file, options = model_file(tmp_path), MapOptions(max_memory=to)
        return len(plan_map(raster, tmp_path / "map", file, options, share=Share(n)).lattice.pieces)

    alone = cut_among(1, limit)
    assert alone > 1
    assert cut_among(3, 3 * limit) == alone
    monkeypatch.setattr(jobs, "free_bytes", lambda: 3 * limit)
    assert cut_among(3, None) == alone
    with pytest.raises(InputError) as caught:
        cut_among(3, 3 * floor - 1_000_000)
    assert f"take at least {size_words(3 * floor)} in 3 workers; give that much, or fewer --workers" in str(
        caught.value
    )
    assert EngineOptions("dask", workers=3).n_processes == 3
    assert EngineOptions(workers=None).n_processes == 1


def test_work_begun_under_one_limit_goes_on_under_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun in pieces of 3 x 3 windows, as an earlier limit had it."""
    raster = holey(tmp_path / "a.tif", 107, 151)
    monkeypatch.setattr(jobs, "memory_need", lambda *_: NEED)

    def stop(pixels: int) -> None:
        if pixels:
            raise KeyboardInterrupt

    def limited(to: int, restart: bool = False) -> RasterJob:
        return plan_map(raster, tmp_path / "map", file, MapOptions(max_memory=to), restart)

    file = model_file(tmp_path)
    large, small = NEED.of(80, 80), NEED.of(32, 32)
    begun = limited(large)
    assert (begun.lattice.rows.run, begun.lattice.cols.run) == (3, 3)
    with pytest.raises(KeyboardInterrupt):
        map_here(begun, Convolving(file.header), False, stop)
    with pytest.raises(InputError, match=r"the unfinished work was begun with pieces that take .*--restart"):
        limited(small)
    assert limited(small, restart=True).lattice.rows.run == 1
    more = limited(9 * large)
    assert more.begun_as == begun.begun_as
    more.check_place(False, False)
    record = map_here(more, Convolving(file.header))
    assert record["pieces_computed"] == record["pieces"] - 1
    mapped(raster, tmp_path / "whole")
    assert contents(tmp_path / "map") == contents(tmp_path / "whole")


PEAK = """
import re, sys
from pathlib import Path
import terrazzo

model, raster, out, limit = sys.argv[1:]
options = {"window": 128, "device": "cpu", "precision": "32", "vector_format": "none", "probabilities": True}
done = terrazzo.predict(model, raster, out=out, max_memory=limit, **options)
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024, done.rasters[0].record["pieces"])
"""


def test_the_peak_of_a_real_run_stays_below_the_limit(tmp_path: Path) -> None:
    if not Path("/proc/self/status").is_file():
        pytest.skip("peak memory is read from /proc")
    model = write_model(tmp_path / "m.safetensors")
    raster = write_raster(tmp_path / "a.tif", np.tile(noise(3, 256, 256), (1, 5, 8)))
    options = MapOptions(probabilities=True, vector_format="none")
    header = read_header(model)
    file = ModelFile(model, "", header, plan(header, 128), "cpu", "32")
    whole = plan_map(raster, tmp_path / "map", file, options)
    assert whole.need is not None
    limit = whole.need.of(300, 300)
    assert whole.need.of_lattice(whole.lattice) > limit + 80_000_000, "the default cut is larger"
    command = [sys.executable, "-c", PEAK, str(model), str(raster), str(tmp_path / "out"), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, pieces = map(int, done.stdout.split())
    assert pieces > 6
    assert 0.5 * limit < peak < limit


def test_several_models_and_sizes_take_more_worked_by_hand(tmp_path: Path) -> None:
    """Classic U-Nets of three filters (220 + 3 x 35 = 325 bytes a pixel) and three classes (24 for a sum of each).

    A batch of one window of 512 px: 2^18 pixels. Enlarged twice it has 2^20, and its sum stays at 2^18.
    """
    raster = write_raster(tmp_path / "a.tif", noise(3, 600, 600))
    one, two = (write_model(tmp_path / f"m{number}.safetensors") for number in range(2))
    header = read_header(one)
    alone = ModelFile(one, "", header, plan(header, 512), "cpu", "32")
    both = replace(alone, others=(replace(alone, path=two),))

    def need(file: ModelFile, **options: Any) -> MemoryNeed:
        found = plan_map(raster, tmp_path / "map", file, MapOptions(**options)).need
        assert found is not None
        return found

    n = 1 << 18
    assert need(alone).batch == n * 325
    assert need(alone, tta="flips").batch == n * (325 + 24)
    assert need(both).batch == n * (325 + 24)
    assert need(alone, tta_scales=(1.0, 2.0)).batch == 4 * n * 325 + 24 * n
    assert need(alone, tta_scales=(0.5,)).batch == n // 4 * 325 + 24 * n
    assert need(both, tta="d4", tta_scales=(1.0, 2.0)).batch == 4 * n * (325 + 48) + 24 * n
    assert need(both).fixed - need(alone).fixed == int(2.5 * two.stat().st_size)


@pytest.mark.parametrize(
    ("peaks", "options", "words"),
    [
        ((500, 700, 900), {}, None),
        ((500, 1163, 1163), {"max_memory": None}, None),
        (
            (500, 900, 1163),
            {},
            "took 1.17 GB, more than --max-memory 960 MB: its map is so ragged that the polygons take more; "
            "--mapping-unit 25 or --vector-format none takes less",
        ),
        (
            (500, 900, 970),
            {"mapping_unit": 30},
            "took 970 MB, more than --max-memory 960 MB: its map is so ragged that the polygons take more; "
            "--vector-format none takes less",
        ),
        (
            (500, 980, 990),
            {},
            "took 990 MB, more than --max-memory 960 MB; a smaller --batch-size or --window takes less",
        ),
        ((990, 990, 990), {}, None),
    ],
)
def test_what_took_more_than_the_limit_is_told(
    peaks: tuple[int, int, int], options: dict[str, Any], words: str | None
) -> None:
    """In MB before the map, before its polygons and at the end; what was taken before the map does not count."""
    limited = MapOptions(**{"max_memory": 960_000_000, **options})
    assert over_limit(limited, *(peak * 1_000_000 for peak in peaks)) == words


def test_a_limit_that_is_not_kept_is_in_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    said: list[str] = []

    def record_with(*peaks: float, limit: int | None = 4_000_000_000) -> Any:
        found = iter(peaks)
        monkeypatch.setattr(raster_map, "peak_rss_mb", lambda: next(found))
        job = planned(tmp_path, raster, limit)
        engine = LocalEngine(lambda: Convolving(job.model.header))
        return map_raster(engine, job, lambda pixels: None, say=said.append)["max_memory_kept"]

    assert record_with(500.0, 900.0, 3999.5) is True
    assert record_with(500.0, 900.0, 4000.5, limit=None) is None
    assert said == []
    assert record_with(500.0, 900.0, 4000.5) is False
    assert len(said) == 1
    assert said[0].startswith(f"{raster}: took 4.01 GB, more than --max-memory 4.00 GB: ")
