"""Benchmarks that train say in one line that a folder holds no patches."""

from pathlib import Path

import pytest

from benchmarks import gpu, training


@pytest.mark.parametrize(
    "words", [["training"], ["gpu", "--device", "cpu", "--out", "report"]], ids=lambda words: words[0]
)
def test_a_folder_without_patches_is_refused_in_one_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(SystemExit):
        {"training": training, "gpu": gpu}[words[0]].main([str(tmp_path / "nothing"), *words[1:]])
    assert "nothing" in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())
