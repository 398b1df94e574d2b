"""One row: trained, joined or adapted, mapped and scored; what a killed process had finished is taken up again."""

import csv
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import terrazzo
from benchmarks.places.folds import ALL, Places, confusion_of, mean_of_named, scores_of
from benchmarks.places.locks import locked, once
from benchmarks.places.methods import JOINED_SEEDS, Method, known_options, what_is_missing
from benchmarks.places.rows import LEAKY, NAMED, PLACES, Row, append, key_of
from benchmarks.whole import whole
from terrazzo.recipe.reading import load_recipe
from terrazzo.recipe.recipe import Recipe
from terrazzo.system.files import digest
from terrazzo.system.reporting import Say, quiet

BEST = Path(__file__).with_name("best.yaml")
_ANY_LOSS = 100
"""Points that a soup may lose against its members: the row says what it is worth."""


@dataclass(frozen=True)
class Schedule:
    """How long a run trains: so many steps (rounded up to whole epochs), so many epochs, or as the recipe says."""

    steps: int | None = None
    epochs: int | None = None

    def __str__(self) -> str:
        if self.steps is not None:
            return f"{self.steps} steps"
        return "full" if self.epochs is None else f"{self.epochs} epochs"

    @property
    def words(self) -> list[str]:
        """As the command line has it."""
        given = (("--steps", self.steps), ("--epochs", self.epochs))
        return [word for flag, value in given if value is not None for word in (flag, str(value))]


@dataclass(frozen=True)
class Plan:
    """What all rows of one command share."""

    places: Places
    out: Path
    schedule: Schedule = Schedule()
    device: str = "auto"
    machine: str = ""
    """The model of the CPU or GPU: rows of different ones are not compared."""
    precision: str = "auto"
    version: str = ""
    recipe: Path = BEST
    prepare: Mapping[str, Any] = field(default_factory=dict)
    """Options of `prepare` for all methods."""


@dataclass(frozen=True)
class Task:
    """One row to measure."""

    method: Method
    seed: str
    fold: str

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the runs that the row needs."""
        return tuple(int(seed) for seed in self.seed.split())

    @property
    def title(self) -> str:
        """What the row is, in a few words."""
        return f"{self.method.name}, seed {self.seed}, fold {self.fold}"

    def key(self, plan: Plan) -> tuple[str, ...]:
        """The key of the row."""
        protocol = LEAKY if self.method.leaky else PLACES
        own = {"protocol": protocol, "method": self.method.name, "seed": self.seed, "fold": self.fold}
        return key_of({**own, "schedule": str(plan.schedule), "device": plan.machine})

    def runs(self) -> frozenset[tuple[str, int, str]]:
        """The runs that it needs; rows with the same run train it once."""
        return frozenset((self.method.training, seed, self.fold) for seed in self.seeds)


def tasks_of(methods: list[Method], seeds: list[int], folds: list[str]) -> list[Task]:
    """The rows of methods, seeds and folds; one a fold for runs that are joined, last, as they need the others'."""
    single = [
        Task(method, str(seed), fold)
        for seed in seeds
        for method in methods
        if not method.join
        for fold in ([ALL] if method.leaky else folds)
    ]
    seeds_joined = " ".join(map(str, JOINED_SEEDS))
    joined = [
        Task(method, seeds_joined, fold)
        for method in methods
        if method.join
        for fold in ([ALL] if method.leaky else folds)
    ]
    return single + joined


def missing_for(task: Task, plan: Plan) -> str | None:
    """What this version lacks for the row, in a line; None if nothing."""
    return what_is_missing(task.method, load_recipe(plan.recipe))


def measure(task: Task, plan: Plan, say: Say = quiet) -> Row:
    """The row of a task, appended to the table. Raises what training and mapping raise."""
    work = Work(task, plan, say)
    models, minutes = work.models()
    say(f"{task.title}: trained in {minutes:.1f} min")
    scored, more = work.scored_patches(models[0]) if task.method.leaky else work.scored_maps(models)
    epochs, steps = work.length()
    protocol, method, seed, fold, schedule, machine = task.key(plan)
    row = Row(
        **scored,
        protocol=protocol,
        method=method,
        seed=seed,
        fold=fold,
        schedule=schedule,
        device=machine,
        words=task.method.words,
        epochs=epochs,
        steps=steps,
        minutes=round(minutes + more, 2),
        precision=plan.precision,
        version=plan.version,
        command=command_of(task, plan),
    )
    append(plan.out, row)
    shown = row.mean_iou if row.mean_iou_5 is None else row.mean_iou_5
    say(f"{task.title}: accuracy {row.accuracy:.4f}, mean IoU {shown:.4f}, mapped in {more:.2f} min")
    return row


def command_of(task: Task, plan: Plan) -> str:
    """The command that measures the row again."""
    words = ["python -m benchmarks.new_places DATA --methods", task.method.name]
    words += [] if task.method.join else ["--seeds", task.seed]
    words += [] if task.method.leaky else ["--folds", task.fold]
    return " ".join([*words, *plan.schedule.words])


@dataclass(frozen=True)
class Work:
    """The steps of a row, each kept in a folder of its own below the plan's."""

    task: Task
    plan: Plan
    say: Say = quiet

    @property
    def recipe(self) -> Recipe:
        """The method's recipe, before seed and epochs."""
        return self.task.method.changed(load_recipe(self.plan.recipe))

    def _patches(self) -> Path:
        """The patches that are trained on, prepared if they are not there yet."""
        return self.plan.places.patches(self.task.fold, {**self.plan.prepare, **self.task.method.prepare})

    def folder(self, kind: str, *words: str) -> Path:
        """A folder for this machine, schedule and fold, and for what else the words say."""
        place = [self.plan.machine, str(self.plan.schedule), self.task.fold, *words]
        return self.plan.places.work.joinpath(kind, *("-".join(word.split()) for word in place))

    def length(self) -> tuple[int, int]:
        """Epochs and steps of the optimizer of one run."""
        return self._length(self._patches())

    def models(self) -> tuple[list[Path], float]:
        """The models that map, and the minutes that they took: trained, then joined and adapted as the method says.

        Several models predict together. With `adapt_alone` each scene has its own: scenes vary faster than runs.
        """
        made = [self._trained(seed) for seed in self.task.seeds]
        models, minutes = [model for model, _ in made], sum(spent for _, spent in made)
        if self.task.method.join == "average":
            models, more = self._averaged(models)
            minutes += more
        if self.task.method.adapt:
            models, more = self._adapted(models)
            minutes += more
        return models, minutes

    def _averaged(self, models: list[Path]) -> tuple[list[Path], float]:
        out = self._row_folder() / "average.safetensors"
        wanted = {"patches": self._patches(), "worst": _ANY_LOSS, "device": self.plan.device}
        options = known_options(terrazzo.average, wanted)
        return [out], once(out, partial(terrazzo.average, models, out=out, **options))

    def _adapted(self, models: list[Path]) -> tuple[list[Path], float]:
        scenes = [*self._scenes().values()]
        groups = [scenes] if self.task.method.adapt == "together" else [[scene] for scene in scenes]
        options = known_options(terrazzo.adapt, {"device": self.plan.device, "say": self.say})
        adapted, minutes = [], 0.0
        for number, model in enumerate(models):
            for group in groups:
                name = "-".join(["adapted", str(number), *(scene.stem for scene in group)])
                out = self._row_folder() / f"{name}.safetensors"
                minutes += once(out, partial(terrazzo.adapt, model, group, out=out, **options))
                adapted.append(out)
        return adapted, minutes

    def scored_maps(self, models: list[Path]) -> tuple[dict[str, Any], float]:
        """The scores of the fold's maps, one confusion matrix over all scenes, and the minutes of mapping."""
        scenes = self._scenes()
        alone = self.task.method.adapt == "alone"
        groups = [[scene] for scene in scenes.values()] if alone else [[*scenes.values()]]
        options = {**self.task.method.predict, "device": self.plan.device, "vector_format": "none"}
        out, minutes = self._row_folder() / "maps", 0.0
        for number, group in enumerate(groups):
            using = models[number :: len(groups)]
            given = using if len(using) > 1 else using[0]
            mapping = partial(terrazzo.predict, given, group, out=out / str(number), **options)
            minutes += once(out / str(number), mapping)
        maps = {name: next(out.glob(f"*/{scene.stem}/classes.tif")) for name, scene in scenes.items()}
        return {**_rounded(scores_of(confusion_of(self.plan.places, maps))), "jaccard_soft_micro": None}, minutes

    def scored_patches(self, model: Path) -> tuple[dict[str, Any], float]:
        """The scores of random patches as `terrazzo evaluate` has them, and its minutes."""
        started = time.perf_counter()
        options = {**self.task.method.predict, "device": self.plan.device}
        scores = terrazzo.evaluate(model, self._patches(), split="val", **options).scores
        by_class = {name: scores["iou"].get(full) for name, full in zip(NAMED, scores["iou"], strict=True)}
        kept = {name: scores[name] for name in ("accuracy", "mean_iou", "jaccard_soft_micro")}
        named = {f"iou_{name}": share for name, share in by_class.items()}
        whole = {**kept, "mean_iou_5": mean_of_named(by_class), **named}
        return _rounded(whole), (time.perf_counter() - started) / 60

    def _scenes(self) -> dict[str, Path]:
        return self.plan.places.scenes(self.task.fold)

    def _row_folder(self) -> Path:
        key = digest(self.recipe.to_yaml(), str(sorted(self.plan.prepare.items())), str(self.task.method))[:10]
        return self.folder("rows", f"{self.task.method.name}-{key}", f"seed-{self.task.seed}")

    def _length(self, patches: Path) -> tuple[int, int]:
        from terrazzo.patches.folder import open_patches

        recipe, schedule = self.recipe, self.plan.schedule
        n_batches = -(-len(open_patches(patches).rows("train")) // int(recipe.train.batch_size))
        each = -(-n_batches // recipe.train.accumulate)
        epochs = recipe.train.epochs if schedule.epochs is None else schedule.epochs
        epochs = epochs if schedule.steps is None else max(1, math.ceil(schedule.steps / each))
        return epochs, epochs * each

    def _trained(self, seed: int) -> tuple[Path, float]:
        """The model of one run, resumed if it was killed, and the minutes of its epochs."""
        patches = self._patches()
        epochs, _ = self._length(patches)
        method = self.task.method
        key = digest(self.recipe.to_yaml(), method.training, str(sorted(self.plan.prepare.items())))[:10]
        out = self.folder("runs", key, f"seed-{seed}")
        with locked(out):
            trained = terrazzo.train(
                patches,
                out=out,
                recipe=self.plan.recipe,
                epochs=epochs,
                changes={**method.recipe, "train.seed": seed},
                device=self.plan.device,
                resume=True,
            )
            done = whole(trained)
            shutil.rmtree(out / "checkpoints", ignore_errors=True)  # ten times the model, and needed no more
        with (out / "metrics.csv").open(encoding="utf-8", newline="") as stream:
            return done.model, sum(float(row["seconds"]) for row in csv.DictReader(stream)) / 60


def _rounded(scores: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in scores.items()}
