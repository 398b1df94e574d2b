"""The table of runtimes side by side: its figures, its rows, and the busy core that is left idle again."""

import pytest
from benchmarks.runtimes import ENGINES, engines

from benchmarks import runtimes


def test_rates_and_the_share_of_the_network_by_hand() -> None:
    """4 Mpx: 2 s bare and 2.5 s as a map are 2 and 1.6 Mpx/s, and the network is 0.8 of the map."""
    medians = {("a", "bare"): 2.0, ("a", "map"): 2.5, ("b", "bare"): 8.0}
    row = {"bare_mpx_per_s": 2.0, "map_mpx_per_s": 1.6, "map_over_bare": 0.8}
    assert runtimes._row("a", medians, 4.0) == row
    assert runtimes._row("b", medians, 4.0) == {"bare_mpx_per_s": 0.5}


def test_what_is_not_installed_and_bf16_where_it_is_slow_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "has_fast_bf16", lambda: True)
    monkeypatch.setattr(runtimes, "installed", lambda name: True)
    assert engines() == ENGINES
    monkeypatch.setattr(runtimes, "has_fast_bf16", lambda: False)
    monkeypatch.setattr(runtimes, "installed", lambda name: name != "openvino")
    left = {"torch float32", "torch float32 channels-last", "onnxruntime float32", "onnxruntime int8", "auto"}
    assert engines().keys() == left


def test_each_engine_is_timed_in_turn_and_auto_says_what_it_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "engines", lambda: {name: ENGINES[name] for name in ("torch float32", "auto")})
    seconds = iter((1.0, 5.0, 2.0, 6.0, 4.0, 9.0))
    calls = []

    def in_process(step: str, folder: object, name: str) -> dict[str, object]:
        calls.append((name, step))
        return {"seconds": next(seconds), "runtime": "openvino", "precision": "32"}

    monkeypatch.setattr(runtimes, "in_process", in_process)
    found = runtimes._timed(None, 12.0, rounds=3)  # type: ignore[arg-type]
    assert calls == [("torch float32", "bare"), ("auto", "map")] * 3
    assert found["torch float32"] == {"bare_mpx_per_s": 6.0}
    assert found["auto"] == {"map_mpx_per_s": 2.0, "runtime": "openvino", "precision": "32"}


def test_the_busy_process_ends_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    popen = runtimes.subprocess.Popen

    def start(*arguments: object, **options: object) -> object:
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(runtimes.subprocess, "Popen", start)
    with pytest.raises(ValueError, match="stopped"), runtimes.one_core_busy():
        assert started[0].poll() is None
        raise ValueError("stopped")
    assert started[0].poll() is not None
