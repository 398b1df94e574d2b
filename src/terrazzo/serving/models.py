"""The models of a server: those of the folder that it was given, and the improved ones of its data folder."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from inspect import Parameter
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError, ModelFileError, TerrazzoError
from terrazzo.maps.predict import predict
from terrazzo.model.exporting.stored_graph import NO_GRAPH, has_graph
from terrazzo.model.header import Header, read_header
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST
from terrazzo.serving.settings import Settings
from terrazzo.system.extras import installed
from terrazzo.system.files import read_json
from terrazzo.system.options import Option, options_of
from terrazzo.system.reporting import listed

SUFFIXES = (".safetensors", ".onnx")
"""The only kinds of file that are opened: neither holds code."""
_DEPTH = 3
"""How far below the folder a model may lie, as in runs/dubai/model.safetensors below runs/."""
_RESERVED = (IMPROVE, SUGGEST)
_OPTIONS = (
    *("window", "overlap", "tta", "tta_scales", "resample"),
    *("bands", "scale", "nodata", "mapping_unit", "simplify"),
)
"""The options of predict that a client may give. The others name files or machines, or decide what the page needs."""


@dataclass(frozen=True)
class ModelEntry:
    """One model that a client can choose."""

    id: str
    """A slug of its file's name, or its folder's where the file is called `model`."""
    path: Path
    title: str
    """The architecture in a few words."""
    classes: tuple[Mapping[str, Any], ...]
    """`id`, `name`, `color` of each."""
    scores: Mapping[str, float]
    bands: int
    gsd_m: float | None
    patch_size: int
    lineage: tuple[Mapping[str, Any], ...]
    """How it came from other models, the oldest step first."""
    parent: str | None
    """The id of the model that it improves."""
    header: Header = field(repr=False)

    @property
    def trainable(self) -> bool:
        """Whether training can start from it, as from no export."""
        return self.path.suffix.lower() == SUFFIXES[0]

    @property
    def improvement(self) -> Mapping[str, Any]:
        """What lineage.json beside an improved model says; empty for the others."""
        return read_json(self.path.parent / "lineage.json")

    def options(self) -> dict[str, dict[str, Any]]:
        """The JSON schema of each predict option that makes sense for this model, from predict's own declaration."""
        from pydantic import TypeAdapter

        found = {}
        for name, (parameter, option) in _declared(self.header).items():
            schema = TypeAdapter(parameter.annotation).json_schema()
            default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
            found[name] = schema | {"description": option.help, "default": default}
        return found

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given options as they are, once predict's own checks let them pass.

        Raises InputError naming the option or its flag.
        """
        from pydantic import ConfigDict, TypeAdapter, ValidationError

        from terrazzo.maps.jobs.options import MapOptions
        from terrazzo.model.windows.tiling import plan

        known = _declared(self.header)
        if unknown := [name[:40] for name in given if name not in known]:
            raise InputError(f"inputs {listed(unknown)}: not known; expected image, {listed(list(known), 99)}")
        strictly = ConfigDict(strict=True, allow_inf_nan=False)
        for name, value in given.items():
            try:
                TypeAdapter(known[name][0].annotation, config=strictly).validate_json(json.dumps(value))
            except ValidationError as error:
                found = json.dumps(value)[:60]
                wanted = error.errors()[0]["msg"]
                raise InputError(f"inputs.{name} {found}: {wanted}; GET /processes/{self.id} has its schema") from error
        MapOptions.from_words(**given)
        plan(self.header, window=given.get("window"), overlap=given.get("overlap"))
        return dict(given)


class Catalogue:
    """The models of one server, read anew at every question, so that an improved one appears at once."""

    def __init__(self, settings: Settings) -> None:
        self.given, self.improved = settings.models, settings.data.models

    def models(self) -> list[ModelEntry]:
        """Every model: those given by name, then the improved ones. Files that are no models are left out."""
        found = []
        taken: Counter[str] = Counter()
        for path in self._files():
            try:
                entry = _entry(path, path.stat().st_mtime_ns)
            except (TerrazzoError, OSError):
                continue
            taken[entry.id] += 1
            again = f"-{taken[entry.id]}" if taken[entry.id] > 1 else ""
            found.append(_with_lineage(entry, f"{entry.id}{again}"))
        return found

    def get(self, model_id: str) -> ModelEntry | None:
        """The model of this id; None if there is none."""
        return next((entry for entry in self.models() if entry.id == model_id), None)

    def path_of(self, model_id: str) -> Path | None:
        """The file of the model of this id; None if there is none."""
        entry = self.get(model_id)
        return None if entry is None else entry.path

    def check(self, say: Callable[[str], None]) -> None:
        """Say which files are no models, and which this machine cannot run.

        Raises InputError or ModelFileError if no model is left.
        """
        if self.given.is_file() and self.given.suffix.lower() not in SUFFIXES:
            raise ModelFileError(f"{self.given}: is no {' or '.join(SUFFIXES)}; the server opens no other models")
        if not self.given.exists() or self.given.is_file():
            read_header(self.given)
            _say_if_torch_is_needed(self.given, say)
            return
        n_models = 0
        for path in _below(self.given):
            try:
                read_header(path)
                _say_if_torch_is_needed(path, say)
                n_models += 1
            except TerrazzoError as error:
                say(f"left out: {error}")
        if not n_models:
            raise InputError(
                f"{self.given}: holds no model; expected a {' or '.join(SUFFIXES)} that `terrazzo train` or "
                "`terrazzo export` wrote"
            )

    def _files(self) -> Iterable[Path]:
        """Each file once, also where the given folder holds the data folder's models."""
        given = [self.given] if self.given.is_file() else _below(self.given)
        return dict.fromkeys([*given, *_below(self.improved)])


def _say_if_torch_is_needed(path: Path, say: Callable[[str], None]) -> None:
    """Warn of a model that torch alone runs where torch is not installed, so that jobs with it fail here."""
    if path.suffix.lower() == SUFFIXES[0] and not installed("torch") and not has_graph(path):
        say(f"warning: {NO_GRAPH.format(path=path)}")


def slug(path: Path) -> str:
    """The id of a model file: `runs/Dubai 2/model.safetensors` is `dubai-2`, and `sites/oslo.onnx` is `oslo`.

    A file that is called `model` takes its folder's name. What is a process of its own becomes `improve-model`.
    """
    stem = path.absolute().parent.name if path.stem.lower() == "model" else path.stem
    words = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:80] or "model"
    return f"{words}-model" if words in _RESERVED else words


def _below(folder: Path) -> list[Path]:
    """The files of models below a folder, sorted, .safetensors before .onnx; none that is hidden."""
    found = [
        path
        for depth in range(_DEPTH)
        for path in folder.glob("*/" * depth + "*")
        if path.suffix.lower() in SUFFIXES and not any(part[0] == "." for part in path.relative_to(folder).parts)
    ]
    return sorted(found, key=lambda path: (SUFFIXES.index(path.suffix.lower()), path.as_posix()))


@lru_cache(maxsize=256)
def _entry(path: Path, changed: int) -> ModelEntry:
    """The entry of a file as it was at this time. Raises InputError or ModelFileError."""
    header = read_header(path)
    scores = {name: score for name, score in (header.scores or {}).items() if isinstance(score, int | float)}
    return ModelEntry(
        id=slug(path),
        path=path,
        title=header.title,
        classes=tuple(header.schema.to_list()),
        scores=scores,
        bands=header.bands,
        gsd_m=header.gsd_m,
        patch_size=header.patch_size,
        lineage=tuple({"how": step.how, "parents": list(step.parents), "steps": step.steps} for step in header.lineage),
        parent=None,
        header=header,
    )


def _with_lineage(entry: ModelEntry, model_id: str) -> ModelEntry:
    parent = entry.improvement.get("parent")
    return replace(entry, id=model_id, parent=parent if isinstance(parent, str) else None)


def _declared(header: Header) -> dict[str, tuple[Parameter, Option]]:
    """The options of predict that a client may give and that have an effect on a model of this header."""
    without = {"window", "overlap"} if header.fit == "resize" else set()
    without |= {"resample"} if header.gsd_m is None else set()
    declared = options_of(predict)
    return {name: declared[name] for name in _OPTIONS if name not in without}
