"""The temperature of a network, fitted on validation patches, and probabilities with it and without.

Temperature scaling (Guo et al. 2017, arXiv 1706.04599): logits are divided by one number T before softmax. T is
the one with the least negative log-likelihood (NLL) of the true classes. NLL is convex in 1 / T, so its derivative has
one zero, which bisection finds.
"""

import math

import numpy as np
import torch
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.evaluation.calibration.reliability import Reliability
from terrazzo.model.header import Calibration
from terrazzo.model.network import NETWORK_ERRORS, Network
from terrazzo.model.predictor import CPU_BATCH_PIXELS
from terrazzo.patches.folder import Patches
from terrazzo.system.reporting import Reporter, first_line

LOWEST, HIGHEST = 0.2, 20.0
"""T stays between these. A network without a single error on validation would ask for 0."""
MOST_VALUES = 1 << 23
"""Logits that are kept: pixels times classes. Of more valid pixels every n-th counts."""
_HALVINGS = 30


def calibrated(network: Network, patches: Patches, reporter: Reporter) -> Calibration | None:
    """The temperature of a network by the validation patches, with the calibration error before and after.

    None without a valid validation pixel, and with a note where the network fails or gives no numbers. The network
    computes where it lies, in float32. Law: the same network and patches give the same numbers.
    """
    rows = np.flatnonzero(patches.sides == "val")
    n_valid = sum(int((patches.masks[row] != IGNORE).sum()) for row in rows)
    if n_valid == 0:
        return None
    every = -(-n_valid * patches.schema.n_classes // MOST_VALUES)
    network.eval()
    try:
        logits, truth = _logits(network, patches, rows.tolist(), every, reporter)
    except NETWORK_ERRORS as error:  # memory too: a trained model is worth more than its temperature
        reporter.say(f"the confidences cannot be calibrated ({first_line(error):.160}); the temperature is 1")
        return None
    if not bool(torch.isfinite(logits).all()):
        reporter.say("the confidences cannot be calibrated (the network gives no numbers); the temperature is 1")
        return None
    temperature = fit_temperature(logits, truth)
    before, after = (_reliability(logits, truth, divisor).ece for divisor in (1.0, temperature))
    return Calibration(temperature, before, after)


def fit_temperature(logits: Tensor, truth: Tensor) -> float:
    """The T, from 0.2 to 20, at which logits (N, K) / T have the least mean NLL of the classes `truth` (N,).

    Six significant digits.
    """
    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _slope(logits, truth, math.exp(middle)) > 0:  # NLL rises with 1 / T, so T is to grow
            low = middle
        else:
            high = middle
    return float(f"{math.exp((low + high) / 2):.6g}")


def uncalibrated(probs: Tensor, temperature: float) -> Tensor:
    """The probabilities (B, K, ...) at temperature 1, from those of a network with `temperature`.

    Law: it makes softmax(logits) of softmax(logits / T), as far as float32 holds the latter.
    """
    logs = probs.clamp(min=torch.finfo(torch.float32).tiny).log()
    return (logs * temperature).softmax(dim=1)


def _slope(logits: Tensor, truth: Tensor, temperature: float) -> float:
    """The derivative of mean NLL by 1 / T: the mean logit under softmax(logits / T), less the true class's."""
    probs = (logits / temperature).softmax(dim=1)
    expected = (probs * logits).sum(dim=1)
    return float((expected - logits.gather(1, truth[:, None])[:, 0]).double().mean())


def _logits(
    network: Network, patches: Patches, rows: list[int], every: int, reporter: Reporter
) -> tuple[Tensor, Tensor]:
    """Logits (N, K) at temperature 1 and true classes (N,) of every n-th valid pixel of the patches."""
    at_once = max(1, CPU_BATCH_PIXELS // patches.patch_size**2)
    device = network.normalizer.mean.device
    kept: list[tuple[Tensor, Tensor]] = []
    seen = 0
    for start in range(0, len(rows), at_once):
        batch = rows[start : start + at_once]
        pixels = torch.from_numpy(patches.pixels(batch)).permute(0, 3, 1, 2).to(device)
        with torch.inference_mode():
            found = network(pixels).float() * network.temperature
        truth = torch.from_numpy(np.ascontiguousarray(patches.masks[batch])).to(torch.int64)
        valid = torch.nonzero(truth.flatten() != IGNORE)[:, 0]
        chosen = valid[-seen % every :: every]
        seen += len(valid)
        flat = found.permute(0, 2, 3, 1).flatten(0, 2)
        kept.append((flat[chosen.to(device)].cpu(), truth.flatten()[chosen]))
        reporter.progress("calibrating on validation patches", start + len(batch), len(rows))
    logits, ids = zip(*kept, strict=True)
    return torch.cat(logits), torch.cat(ids)


def _reliability(logits: Tensor, truth: Tensor, temperature: float) -> Reliability:
    confidence, predicted = (logits / temperature).softmax(dim=1).max(dim=1)
    return Reliability.of(confidence.numpy(), (predicted == truth).numpy())
