"""The model that a process keeps open: opened once, one at a time, and with the same bytes."""

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from terrazzo.maps.predict import predict
from terrazzo.model import opening
from terrazzo.model.opening import ModelFile
from terrazzo.model.predictor import Predictor
from terrazzo.model.runtimes.kept import KeptModel, keeping_model, kept_model
from terrazzo.system.files import same_content
from tests.worlds.models import write_model
from tests.worlds.rasters import noise, write_raster


@dataclass(eq=False)
class Opened:
    """A model that was opened."""

    file: ModelFile


@dataclass
class Opener:
    """Opens models and counts them."""

    opened: list[weakref.ref[Opened]] = field(default_factory=list)

    def __call__(self, file: ModelFile, n_threads: int | None) -> Predictor:
        model = Opened(file)
        self.opened.append(weakref.ref(model))
        return cast(Predictor, model)

    @property
    def in_memory(self) -> int:
        return sum(each() is not None for each in self.opened)


def file(name: str = "a", digest: str = "1", runtime: str = "torch", **others: Any) -> ModelFile:
    return ModelFile(Path(name), digest, None, None, "cpu", "32", runtime=runtime, **others)  # type: ignore[arg-type]


def test_the_same_file_is_opened_once_and_once_more_in_another_way() -> None:
    kept, opener = KeptModel(), Opener()
    one = kept.get(file(), None, opener)
    assert kept.get(file(), None, opener) is one
    other = kept.get(file(runtime="openvino"), None, opener)
    assert other is not one
    assert kept.get(file(), None, opener) is one
    assert kept.get(file(), 2, opener) not in (one, other)
    assert len(opener.opened) == opener.in_memory == 3


@pytest.mark.parametrize(
    "other", [file(name="b"), file(digest="2"), file(others=(file("b"),))], ids=["path", "content", "ensemble"]
)
def test_another_model_takes_its_place_and_is_opened_when_it_is_gone(other: ModelFile) -> None:
    kept, opener = KeptModel(), Opener()
    kept.get(file(), None, opener)

    def open_alone(asked: ModelFile, n_threads: int | None) -> Predictor:
        assert opener.in_memory == 0, "memory never holds two"
        return opener(asked, n_threads)

    kept.get(other, None, open_alone)
    assert (len(opener.opened), opener.in_memory) == (2, 1)
    kept.get(file(), None, open_alone)
    assert (len(opener.opened), opener.in_memory) == (3, 1)
    kept.let_go()
    assert opener.in_memory == 0


def test_a_model_that_cannot_be_opened_is_not_kept() -> None:
    kept = KeptModel()

    def fail(asked: ModelFile, n_threads: int | None) -> Predictor:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        kept.get(file(), None, fail)
    opener = Opener()
    kept.get(file(), None, opener)
    assert len(opener.opened) == 1


def test_a_model_is_kept_within_the_block_and_its_thread_alone() -> None:
    seen: list[object] = []
    assert kept_model() is None
    with keeping_model() as kept:
        assert kept_model() is kept
        thread = threading.Thread(target=lambda: seen.append(kept_model()))
        thread.start()
        thread.join()
    assert (seen, kept_model()) == ([None], None)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the models that are opened."""
    found, before = list[str](), opening.open_model

    def open_model(path: Path, *given: Any) -> Predictor:
        found.append(path.name)
        return before(path, *given)

    with monkeypatch.context() as patch:
        patch.setattr(opening, "open_model", open_model)
        yield found


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_maps_by_a_kept_model_have_the_bytes_of_maps_by_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    model, other = write_model(tmp_path / "a.safetensors"), write_model(tmp_path / "b.safetensors", constant=(1, 2, 7))
    scenes = [write_raster(tmp_path / f"{seed}.tif", noise(3, 90, 70 + seed, seed=seed)) for seed in (1, 2)]

    def mapped(by: Path, scene: Path, folder: str) -> Path:
        predict(by, scene, out=tmp_path / folder, runtime=runtime, confidence=True)
        return tmp_path / folder / scene.stem / "classes.tif"

    orders = [(model, scenes[0]), (model, scenes[1]), (other, scenes[0]), (model, scenes[0])]
    cold = [mapped(by, scene, f"cold-{number}") for number, (by, scene) in enumerate(orders)]
    with counted(monkeypatch) as opened, keeping_model():
        warm = [mapped(by, scene, f"warm-{number}") for number, (by, scene) in enumerate(orders)]
        assert opened == ["a.safetensors", "b.safetensors", "a.safetensors"]
        write_model(model, constant=(7, 2, 1))
        changed = mapped(model, scenes[0], "changed")
        assert opened[3:] == ["a.safetensors"], "the same name with another content"
    for one, two in zip(cold, warm, strict=True):
        assert same_content(one, two)
    assert not same_content(changed, warm[0])
