"""Self-training with a mean teacher: a model learns to give one answer for a new scene, however it is shown.

In each step the teacher maps plain windows and their mirror images, and the student learns the mean of these
probabilities from augmented copies of the windows. The teacher's weights are a running mean of the student's (Tarvainen
and Valpola 2017), and it is the teacher that is kept. Every valid pixel counts, with the probabilities of all classes:
an unsure pixel teaches that it is unsure. Labels of confident pixels alone did worse, as sure mistakes then fed
themselves. Batch statistics stay those of training: class shares differ between places, and new statistics alone made
maps worse. Every `check_every` steps the guard measures the teacher; where it breaks a limit, the state of the check
before is kept and training ends.

The order of windows and their augmentation depend on (seed, step) alone, so that a resumed run repeats an
uninterrupted one.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.improving.checkpoint import Checkpoint
from terrazzo.improving.guard import Figures, Guard, Limits
from terrazzo.improving.windows import Windows
from terrazzo.model.hardware import Compute
from terrazzo.model.network import Network
from terrazzo.pixels.bands.light import Light
from terrazzo.recipe.sections import AugmentSection, OptimizerSection
from terrazzo.system.reporting import Progress
from terrazzo.training.augmentation import Augmentation
from terrazzo.training.step import build_optimizer, step_seed

WHITE = 255
"""Grey level of the probability 1, where probabilities are augmented as bands."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a model is adapted."""

    steps: int
    batch: int = 8
    """Windows a step."""
    check_every: int = 25
    lr: float = 1e-4
    warmup: int = 20
    """Steps in which the learning rate rises to `lr`."""
    decay: float = 0.99
    """Of the teacher's running mean."""
    seed: int = 0
    limits: Limits = field(default_factory=Limits)

    def rows(self, step: int, n: int) -> NDArray[np.int64]:
        """The windows of a step, of `n`. Law: each window comes once in every n that are drawn."""
        places = range(step * self.batch, (step + 1) * self.batch)
        numbers = {place // n for place in places}
        rounds = {number: np.random.default_rng((self.seed, number)).permutation(n) for number in numbers}
        return np.array([rounds[place // n][place % n] for place in places])


@dataclass(frozen=True)
class Outcome:
    """The adapted weights, and how it went."""

    state: Mapping[str, Tensor]
    figures: Figures
    """The guard's, of these weights."""
    stopped: str | None
    """Which limit ended it, and when; None if it ran to its end."""


class SelfTraining:
    """A teacher and its student on one device."""

    def __init__(self, network: Network, compute: Compute, augmentation: Augmentation) -> None:
        self.compute, self.augmentation = compute, augmentation
        self.teacher = network.eval()
        self.student = copy.deepcopy(network).eval().requires_grad_(True)  # eval: batch statistics stay, no dropout

    def probs(self, pixels: Tensor) -> Tensor:
        """The teacher's probabilities (B, K, S, S) float32 of pixels (B, C, S, S)."""
        with torch.no_grad(), self.compute.autocast():
            logits = self.teacher(pixels.contiguous(memory_format=self.compute.memory_format))
        return cast(Tensor, logits.float().softmax(dim=1))

    def targets(self, pixels: Tensor) -> Tensor:
        """What the student learns: the mean of the teacher's probabilities of windows and of their mirror images.

        Models that were not trained on mirror images are not shown them.
        """
        probs = self.probs(pixels)
        if not self.augmentation.section.hflip:
            return probs
        return (probs + self.probs(pixels.flip(3)).flip(3)) / 2

    def loss(self, pixels: Tensor, valid: Tensor, seed: int) -> Tensor:
        """The student's mean cross-entropy on the targets of one batch, over its valid pixels; 0 if there are none."""
        changed, targets, known = self._augmented(pixels, self.targets(pixels), valid, seed)
        with self.compute.autocast():
            logits = self.student(changed.contiguous(memory_format=self.compute.memory_format))
        each = F.cross_entropy(logits.float(), targets, reduction="none")
        return (each * known).sum() / known.sum().clamp(min=1)

    def follow(self, decay: float) -> None:
        """Move the teacher's weights towards the student's by 1 - `decay`."""
        with torch.no_grad():
            for mean, weight in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
                mean.lerp_(weight, 1 - decay)

    def _augmented(self, pixels: Tensor, targets: Tensor, valid: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Pixels, targets and what is known, augmented alike.

        Targets travel as further bands, which are no light: geometry moves them and colours leave them. Deep values
        are augmented as grey levels, so that all bands are alike.
        """
        normalizer, bands = self.student.normalizer, pixels.shape[1]
        levels = normalizer.to_grey(normalizer.filled(pixels)) if normalizer.deep else pixels.float()
        ids = torch.where(valid, 0, IGNORE).to(torch.uint8)
        moved, ids = self.augmentation(torch.cat((levels, targets * WHITE), dim=1), ids, seed)
        changed, targets = moved[:, :bands], moved[:, bands:]
        targets = targets / targets.sum(dim=1, keepdim=True).clamp(min=1)
        return (normalizer.from_grey(changed) if normalizer.deep else changed), targets, ids != IGNORE


def self_train(
    training: SelfTraining,
    windows: Windows,
    guard: Guard,
    schedule: Schedule,
    checkpoint: Checkpoint,
    watching: tuple[tuple[str, ...], Progress],
) -> Outcome:
    """The teacher after all steps, or its last state within the guard's limits.

    `watching` is the classes' names and the progress. The checkpoint is written at each check that passes, and its
    state is taken up first.
    """
    names, progress = watching
    optimizer = build_optimizer(OptimizerSection(name="adamw", lr=schedule.lr), training.student)
    figures = guard.start
    kept = _copied(training.teacher)
    if (found := checkpoint.read(training.compute.device)) is not None:
        training.student.load_state_dict(found["student"])
        training.teacher.load_state_dict(found["teacher"])
        optimizer.load_state_dict(found["optimizer"])
        kept = _copied(training.teacher)
        figures = Figures(found["step"], found["agreement"], tuple(found["shares"]))
        checkpoint.say(f"{checkpoint.out}: resumed at step {figures.step} of {schedule.steps}")
    step = figures.step
    progress("adapting, steps", step, schedule.steps)
    while step < schedule.steps:
        rate = schedule.lr * min(1.0, (step + 1) / schedule.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = schedule.rows(step, len(windows))
        pixels = torch.from_numpy(windows.pixels[rows]).to(training.compute.device)
        valid = torch.from_numpy(windows.valid[rows]).to(training.compute.device)
        optimizer.zero_grad(set_to_none=True)
        loss = training.loss(pixels, valid, step_seed(schedule.seed, 0, step))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        training.follow(schedule.decay)
        step += 1
        if step % schedule.check_every == 0 or step == schedule.steps:
            measured = guard.measure(training.probs, step)
            broken = guard.broken(measured, schedule.limits, names)
            if broken is not None:
                words = f"{broken} at step {step} of {schedule.steps}; the state of step {figures.step} is kept"
                return Outcome(kept, figures, words)
            figures, kept = measured, _copied(training.teacher)
            checkpoint.write(_state(training, optimizer, figures))
        progress("adapting, steps", step, schedule.steps)
    return Outcome(kept, figures, None)


def augmentation_of(recipe: Mapping[str, Any], light: Light, n_classes: int) -> Augmentation:
    """What a student sees: other sensors, light and scale, and the flips and turns of the model's training.

    `n_classes` bands of targets follow those of `light`.
    """
    asked = recipe.get("augment") or {}
    turns = {name: bool(asked[name]) for name in ("hflip", "vflip", "quarter_turns") if name in asked}
    jitter = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2 if light.rgb is not None else 0.0}
    section = AugmentSection(**turns, **jitter, zoom=0.25, robust=0.5, fill="ignore")
    return Augmentation(section, Light((*light.is_light, *[False] * n_classes), light.rgb))


def _copied(network: Network) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _state(training: SelfTraining, optimizer: torch.optim.Optimizer, figures: Figures) -> dict[str, Any]:
    return {
        "student": training.student.state_dict(),
        "teacher": training.teacher.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": figures.step,
        "agreement": figures.agreement,
        "shares": list(figures.shares),
    }
