"""Versions and extras, as the metadata of the installed package declares them."""

from importlib.metadata import PackageNotFoundError

import pytest
from packaging.requirements import Requirement

from terrazzo.diagnosis import packages

DECLARED = [
    "numpy>=1.26",
    'torch>=2.4 ; extra == "train"',
    'onnx>=1.16 ; extra == "train"',
    'h5py>=3.11 ; extra == "hdf5"',
    'terrazzo[hdf5,train] ; extra == "all"',
]
THERE = {"numpy": "2.4.6", "torch": "2.1.0", "h5py": "3.11"}


class Metadata:
    def get_all(self, name: str) -> list[str]:
        return {"Requires-Dist": DECLARED, "Provides-Extra": ["train", "hdf5", "all"]}[name]


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name not in THERE:
            raise PackageNotFoundError(name)
        return THERE[name]

    monkeypatch.setattr(packages, "metadata", lambda name: Metadata())
    monkeypatch.setattr(packages, "version", version)


@pytest.mark.usefixtures("declared")
def test_an_extra_lacks_what_is_absent_or_too_old() -> None:
    found = packages.extras(packages.requirements())
    assert found == {"train": ("torch 2.1.0 (needs >=2.4)", "onnx"), "hdf5": ()}, "`all` repeats the others"


@pytest.mark.usefixtures("declared")
def test_versions_are_those_of_what_is_installed() -> None:
    assert packages.versions(packages.requirements()) == {"h5py": "3.11", "numpy": "2.4.6", "torch": "2.1.0"}


def test_a_folder_of_source_declares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "metadata", absent)
    assert packages.requirements() == []
    assert packages.extras([]) == {}


def test_a_version_before_a_release_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "version", lambda name: "2.5.0.dev1")
    assert packages.lack(Requirement("torch>=2.4")) is None
