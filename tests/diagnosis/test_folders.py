"""The data of GDAL and PROJ, and caches."""

from pathlib import Path

import pytest

from terrazzo.diagnosis import folders


def test_gdal_and_proj_have_their_data_here() -> None:
    found = folders.libraries()
    assert [each.name for each in found] == [
        "GDAL in rasterio",
        "PROJ in rasterio",
        "GDAL in pyogrio",
        "PROJ in pyproj",
    ]
    assert all(each.trouble is None and each.version and each.path for each in found)


def test_a_variable_that_leads_elsewhere_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert folders.variables() == {}
    monkeypatch.setenv("GDAL_DATA", str(tmp_path / "lost"))
    assert folders.variables() == {"GDAL_DATA": str(tmp_path / "lost")}
    trouble = folders.libraries()[0].trouble
    assert trouble == "its data are not found; unset the variables below, or install it anew"


def test_the_size_of_a_cache_is_that_of_its_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "a.onnx").write_bytes(b"1234")
    (tmp_path / "runtimes.json").write_bytes(b"{}\n")
    (tmp_path / "link").symlink_to(tmp_path / "runtimes.json")
    monkeypatch.setenv("TERRAZZO_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("HF_HOME", raising=False)
    sizes = {cache.what: (cache.path, cache.n_bytes) for cache in folders.caches()}
    assert sizes["terrazzo"] == (tmp_path, 7)
    assert sizes["Hugging Face"] == (tmp_path / "none" / "huggingface", 0)
