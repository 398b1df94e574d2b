"""Features of CPUs by their flags, and devices."""

import sys

import pytest

from terrazzo.diagnosis import machine


def test_features_by_the_flags_of_known_cpus() -> None:
    zen1 = frozenset(["fma", "avx", "avx2", "sse4_2"])
    sapphire_rapids = frozenset(["avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16", "avx_vnni"])
    none = dict.fromkeys(("avx2", "avx512", "bf16", "amx", "vnni"), False)
    assert machine.features(zen1) == none | {"avx2": True}
    assert machine.features(sapphire_rapids) == dict.fromkeys(none, True)
    assert machine.features(frozenset()) is None, "macOS and Windows list none"


def test_the_cpu_is_always_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "installed", lambda package: False)
    monkeypatch.setitem(sys.modules, "torch", None)
    found = machine.look()
    assert [device.word for device in found.devices] == ["cpu"]
    assert 0 < found.memory_free <= found.memory_total
    assert found.to_dict()["disk"]["free_bytes"] > 0


def test_a_torch_that_cannot_be_imported_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "installed", lambda package: True)
    monkeypatch.setitem(sys.modules, "torch", None)
    (note,) = machine.look().notes
    assert note.startswith("torch is installed, but cannot be imported: ")
